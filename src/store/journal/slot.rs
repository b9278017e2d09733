//! The journal's files.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// How a file is written. The default does what is said; tests have disks that fail.
pub trait Disk: Send + Sync {
    fn write(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        file.write_all_at(bytes, at)
    }

    /// Returns when what was written is on the device.
    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }
}

/// The operating system's.
pub struct System;

impl Disk for System {}

/// One of the journal's files, of a length that never changes.
pub struct Slot {
    pub path: PathBuf,
    pub file: File,
    pub len: u64,
}

impl Slot {
    /// A file full of zeros, on disk with all that the file system has to know of it.
    pub fn make(disk: &dyn Disk, path: PathBuf, len: u64) -> io::Result<Self> {
        let file = File::options().read(true).write(true).create(true).truncate(true).open(&path)?;
        let filled = fill(disk, &file, len).and_then(|()| file.sync_all()).and_then(|()| sync_folder(&path));
        if let Err(error) = filled {
            // Half a file is of no use, and the room may be wanted; if it cannot be removed it does no harm.
            let _ = std::fs::remove_file(&path);
            return Err(error);
        }
        Ok(Self { path, file, len })
    }
}

fn fill(disk: &dyn Disk, file: &File, len: u64) -> io::Result<()> {
    static ZEROS: [u8; 65_536] = [0; 65_536];
    let mut at = 0;
    while at < len {
        let piece = usize::try_from(len - at).unwrap_or(usize::MAX).min(ZEROS.len());
        disk.write(file, &ZEROS[..piece], at)?;
        at += piece as u64;
    }
    disk.sync(file)
}

/// The name is to be on disk as well.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// The name of the journal's file of that number.
pub fn path(database: &Path, number: usize) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(format!(".journal.{number}"));
    name.into()
}

/// The journal's files that are there.
pub fn found(database: &Path) -> io::Result<Vec<PathBuf>> {
    let folder = database.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Some(name) = database.file_name() else { return Ok(Vec::new()) };
    let mut before = name.to_owned();
    before.push(".journal.");
    let before = before.as_encoded_bytes();
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        let number = name.as_encoded_bytes().strip_prefix(before);
        if number.is_some_and(|number| !number.is_empty() && number.iter().all(u8::is_ascii_digit)) {
            found.push(folder.join(name));
        }
    }
    found.sort();
    Ok(found)
}

/// Removes the journal's files, when the database has all that is in them.
pub fn clear(database: &Path) -> io::Result<()> {
    found(database)?.into_iter().try_for_each(std::fs::remove_file)
}
