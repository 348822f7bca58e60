-- What the almacenamientos' role may do: read everything, add rows, and change the columns
-- that a loan, a renewal, a return, a repeat and an administrator change. No DDL, no DELETE.
-- `biblioteca migrar` runs this after every migration, as the owner of the tables.
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'biblioteca') THEN
        EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO biblioteca', current_schema());
        GRANT INSERT ON sedes, libros, ejemplares, usuarios, prestamos, operaciones, historial
            TO biblioteca;
        -- Also what locking a book's row asks for.
        GRANT UPDATE (titulo, titulo_plegado, autor) ON libros TO biblioteca;
        GRANT UPDATE (estado) ON ejemplares TO biblioteca;
        GRANT UPDATE (nombre, categoria, vence, bloqueado, motivo) ON usuarios TO biblioteca;
        GRANT UPDATE (vence_en, renovaciones, devuelto_en) ON prestamos TO biblioteca;
        GRANT UPDATE (repeticiones, repetida_en) ON operaciones TO biblioteca;
    END IF;
END $$;
