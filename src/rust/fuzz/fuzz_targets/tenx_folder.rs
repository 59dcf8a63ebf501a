//! A folder of Cell Ranger. One byte chooses the names of the files and their compression. Matrix,
//! features and barcodes follow with a line `---` between them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neuralee_fuzz::{check_tenx, container, outcome, scratch};
use neuralee_io::tenx::read;

fuzz_target!(|data: &[u8]| {
    let Some((flags, text)) = data.split_first() else {
        return;
    };
    let folder = scratch().join("folder");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir(&folder).expect("a folder");
    let features = if flags & 1 != 0 {
        "genes.tsv"
    } else {
        "features.tsv"
    };
    let mut rest = Some(text);
    for (i, name) in ["matrix.mtx", features, "barcodes.tsv"].iter().enumerate() {
        let (part, after) = container::split(rest.unwrap_or_default());
        rest = after;
        if rest.is_none() && i == 2 && flags & 16 != 0 {
            continue;
        }
        if flags & (2 << i) != 0 {
            std::fs::write(folder.join(format!("{name}.gz")), container::gzip(part))
        } else {
            std::fs::write(folder.join(name), part)
        }
        .expect("a file");
    }
    if let Some(found) = outcome(read(&folder, &())) {
        check_tenx(&found);
    }
});
