//! Records the compiler's version for `neuralee_sitrep()`.

use std::process::Command;

fn main() {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let version = Command::new(rustc)
        .arg("--version")
        .output()
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .unwrap_or_else(|| "unknown".into());
    println!("cargo:rustc-env=NEURALEE_RUSTC={}", version.trim());
    println!("cargo:rerun-if-changed=build.rs");
}
