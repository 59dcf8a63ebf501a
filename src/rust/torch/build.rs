//! Lets the library find libtorch where it was built, and load CUDA with it.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    let Ok(libtorch) = std::env::var("LIBTORCH") else {
        panic!("LIBTORCH does not name the folder of a libtorch");
    };
    println!(
        "cargo:rustc-env=NEURALEE_LIBTORCH_VERSION={}",
        version(Path::new(&libtorch))
    );
    let libraries = Path::new(&libtorch).join("lib");
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", libraries.display());
    // Nothing calls into libtorch_cuda: it registers itself when it is loaded, and the linker
    // would leave it out. One whose own libraries are missing would keep the backend from loading.
    let cuda = libraries.join("libtorch_cuda.so");
    println!("cargo:rerun-if-changed={}", cuda.display());
    if cuda.exists() && (resolves(&cuda) || std::env::var_os("NEURALEE_TORCH_LINK_CUDA").is_some())
    {
        println!("cargo:rustc-link-arg=-Wl,--no-as-needed");
        println!("cargo:rustc-link-arg=-Wl,--allow-shlib-undefined");
        println!("cargo:rustc-link-arg={}", cuda.display());
        println!("cargo:rustc-link-arg=-Wl,--as-needed");
    }
}

/// From the file of a libtorch archive, or that of a Python package.
fn version(libtorch: &Path) -> String {
    let archive = std::fs::read_to_string(libtorch.join("build-version")).ok();
    let package = std::fs::read_to_string(libtorch.join("version.py"))
        .ok()
        .and_then(|text| {
            let line = text
                .lines()
                .find(|line| line.starts_with("__version__"))?
                .to_string();
            line.split(['\'', '"']).nth(1).map(str::to_string)
        });
    archive
        .or(package)
        .map_or_else(|| String::from("unknown"), |v| v.trim().to_string())
}

/// Whether the loader finds all that a library asks for.
fn resolves(library: &Path) -> bool {
    let output = Command::new("ldd").arg(library).output();
    output.is_ok_and(|output| {
        output.status.success() && !String::from_utf8_lossy(&output.stdout).contains("not found")
    })
}
