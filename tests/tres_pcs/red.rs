//! Hosts on one machine: a network namespace for each, with a cable of its own to a switch.
//! Nothing of it is seen outside; it goes with the test.

use std::io::Write;
use std::process::{Command, Stdio};

/// The hosts and the last number of their addresses; those of config/pc1..3.toml, and a PC
/// with desks and actors of its own.
pub const PCS: [(&str, u8); 4] = [("pc1", 11), ("pc2", 12), ("pc3", 13), ("pc4", 14)];

/// Whoever holds it `duena` takes the network down.
pub struct Red {
    marca: String,
    duena: bool,
}

fn correr(comando: &mut Command) -> Result<(), String> {
    let salida = comando
        .output()
        .map_err(|error| format!("{comando:?}: {error}"))?;
    if salida.status.success() {
        return Ok(());
    }
    let error = String::from_utf8_lossy(&salida.stderr).into_owned();
    Err(format!("{comando:?}: {error}"))
}

fn ip(linea: &str) -> Result<(), String> {
    correr(Command::new("ip").args(linea.split_whitespace()))
}

impl Red {
    /// Lays it out, or says why this machine can't.
    pub fn nueva() -> Result<Self, String> {
        let red = Self {
            marca: format!("bib{}", std::process::id()),
            duena: true,
        };
        let hub = red.nombre("hub");
        ip(&format!("netns add {hub}"))?;
        ip(&format!("-n {hub} link add puente type bridge"))?;
        ip(&format!("-n {hub} link set puente up"))?;
        for (pc, numero) in PCS {
            let ns = red.nombre(pc);
            ip(&format!("netns add {ns}"))?;
            ip(&format!("-n {ns} link set lo up"))?;
            ip(&format!(
                "-n {hub} link add {pc} type veth peer name eth0 netns {ns}"
            ))?;
            ip(&format!("-n {hub} link set {pc} master puente up"))?;
            ip(&format!(
                "-n {ns} address add 192.168.1.{numero}/24 dev eth0"
            ))?;
            ip(&format!("-n {ns} link set eth0 up"))?;
        }
        red.filtrar("pc4", "")?;
        Ok(red)
    }

    /// The network of this mark, which somebody else takes down.
    pub fn de(marca: &str) -> Self {
        Self {
            marca: marca.to_owned(),
            duena: false,
        }
    }

    pub fn marca(&self) -> &str {
        &self.marca
    }

    fn nombre(&self, pc: &str) -> String {
        format!("{}-{pc}", self.marca)
    }

    /// A program of that host.
    pub fn en(&self, pc: &str, programa: &str) -> Command {
        let mut comando = Command::new("ip");
        comando.args(["netns", "exec", &self.nombre(pc), programa]);
        comando.stdin(Stdio::null());
        comando
    }

    /// Plugs or unplugs a host's cable.
    pub fn cable(&self, pc: &str, puesto: bool) {
        let estado = if puesto { "up" } else { "down" };
        let hub = self.nombre("hub");
        ip(&format!("-n {hub} link set {pc} {estado}")).unwrap();
    }

    /// Drops at that host what these rules say, and nothing else any more.
    pub fn filtrar(&self, pc: &str, reglas: &str) -> Result<(), String> {
        let mut texto = "flush ruleset\ntable inet f {\n".to_owned();
        for gancho in ["input", "output"] {
            let suyas = reglas
                .lines()
                .filter_map(|regla| regla.trim().strip_prefix(gancho));
            let suyas: Vec<String> = suyas.map(|regla| format!("{regla} drop")).collect();
            texto += &format!(
                "chain {gancho} {{ type filter hook {gancho} priority 0; policy accept;\n{}\n}}\n",
                suyas.join("\n")
            );
        }
        texto += "}\n";
        let mut comando = self.en(pc, "nft");
        comando.args(["-f", "-"]).stdin(Stdio::piped());
        comando.stderr(Stdio::piped());
        let mut proceso = comando.spawn().map_err(|error| format!("nft: {error}"))?;
        let escrito = proceso
            .stdin
            .take()
            .map(|mut entrada| entrada.write_all(texto.as_bytes()));
        let salida = proceso
            .wait_with_output()
            .map_err(|error| error.to_string())?;
        if !salida.status.success() || escrito.is_none() {
            return Err(String::from_utf8_lossy(&salida.stderr).into_owned());
        }
        Ok(())
    }

    pub fn sanar(&self, pc: &str) {
        self.filtrar(pc, "").unwrap();
    }
}

impl Drop for Red {
    fn drop(&mut self) {
        if self.duena {
            for pc in PCS.map(|(pc, _)| pc).into_iter().chain(["hub"]) {
                let _ = ip(&format!("netns del {}", self.nombre(pc)));
            }
        }
    }
}
