//! Build script: says in one clear sentence when libzmq's development files are missing,
//! and rebuilds when a migration changes (sqlx embeds them and does not notice by itself).

use std::path::Path;
use std::process::exit;

/// Where Debian and its derivatives put the header; `CPATH` covers an own prefix.
const HEADER_FOLDERS: [&str; 2] = ["/usr/include", "/usr/local/include"];

fn main() {
    println!("cargo:rerun-if-changed=migrations");
    println!("cargo:rerun-if-changed=deploy/build.rs");
    println!("cargo:rerun-if-env-changed=CPATH");
    let own = std::env::var("CPATH").unwrap_or_default();
    let found = HEADER_FOLDERS
        .iter()
        .copied()
        .chain(own.split(':').filter(|folder| !folder.is_empty()))
        .any(|folder| Path::new(folder).join("zmq.h").exists());
    if !found {
        eprintln!(
            "\nFalta la biblioteca ZeroMQ de desarrollo: instálela con `apt-get install libzmq3-dev` y repita.\n"
        );
        exit(1);
    }
}
