-- Whose an entry's op_id is: the holder of the key that used it first, or its group. Empty for
-- what was used without a key, which is everybody's.
ALTER TABLE entradas ADD COLUMN principal TEXT NOT NULL DEFAULT '';
