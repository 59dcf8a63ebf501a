//! An archive of such a folder: whether it is gzipped and its headers get right checksums, then
//! the tar format.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neuralee_fuzz::{check_tenx, container, file, outcome};
use neuralee_io::tenx::read;

fuzz_target!(|data: &[u8]| {
    let Some((flags, bytes)) = data.split_first() else {
        return;
    };
    let mut bytes = bytes.to_vec();
    if flags & 1 != 0 {
        container::mend_tar(&mut bytes);
    }
    let path = if flags & 2 != 0 {
        file("folder.tar.gz", &container::gzip(&bytes))
    } else {
        file("folder.tar", &bytes)
    };
    if let Some(found) = outcome(read(&path, &())) {
        check_tenx(&found);
    }
});
