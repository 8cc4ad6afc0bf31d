//! Writes the corpora that the fuzzers start from: `tests/fuzz/corpus/<target>`, out of `tests/data`.

use std::{fs, io, path::Path};

use sluice_fuzz::bodies::{ALL, seeds};

fn main() -> io::Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (target, _) in ALL {
        let folder = here.join("corpus").join(target);
        fs::create_dir_all(&folder)?;
        for (number, seed) in seeds::of(target, &here.join("../data")).iter().enumerate() {
            fs::write(folder.join(format!("seed-{number:03}")), seed)?;
        }
    }
    Ok(())
}
