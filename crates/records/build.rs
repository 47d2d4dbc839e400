//! A changed migration is a changed build.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
