use std::ops::Bound;

use redb::StorageBackend;

use super::*;

const PATH: &str = "/cache/file";

fn opened(volume: &SimulatedVolume) -> VolumeFile {
    Volume::open(volume, Path::new(PATH), true).unwrap()
}

#[test]
fn what_was_synced_outlives_a_loss_of_power_and_the_rest_may_not() {
    let volume = SimulatedVolume::new();
    let file = opened(&volume);
    file.write(0, &[1; 2_000]).unwrap();
    file.sync_data().unwrap();
    let nameless = volume.after_power_loss(volume.changes(), Loss::Everything, 0);
    assert!(nameless.files().is_empty(), "the name was not synced");
    volume.sync_directory(Path::new("/cache")).unwrap();
    file.write(0, &[2; 2_000]).unwrap();
    let now = volume.changes();
    let read = |loss, seed| volume.after_power_loss(now, loss, seed).read(PATH).unwrap();
    assert_eq!(read(Loss::Everything, 0), [1; 2_000]);
    assert_eq!(read(Loss::Nothing, 0), [2; 2_000]);
    let torn: Vec<_> = (0..64).map(|seed| read(Loss::Torn, seed)).collect();
    let is_torn = |bytes: &Vec<u8>| bytes.contains(&1) && bytes.contains(&2);
    assert!(torn.iter().any(is_torn));
    assert!(torn.iter().all(|bytes| bytes[..512].iter().all(|byte| *byte == bytes[0])), "a sector is whole");
    assert!((0..64).any(|seed| read(Loss::Some, seed) == [1; 2_000]));
    assert_eq!(volume.after_power_loss(0, Loss::Nothing, 0).files(), [] as [PathBuf; 0]);
}

#[test]
fn a_planned_failure_hits_the_operation_it_was_planned_for() {
    let volume = SimulatedVolume::new();
    let file = opened(&volume);
    volume.fail_once(2, Failure::ShortWrite);
    file.write(0, b"first").unwrap();
    assert!(file.write(5, b"second").is_err());
    file.write(8, b"third").unwrap();
    assert_eq!(volume.read(PATH).unwrap(), b"firstsecthird");
    volume.fail_every(&DiskOperation::CHANGES, Failure::Full);
    assert_eq!(file.write(0, b"x").unwrap_err().kind(), ErrorKind::StorageFull);
    assert!(file.read(0, &mut [0; 5]).is_ok() && file.sync_data().is_err());
    volume.heal();
    file.sync_data().unwrap();
    assert_eq!(volume.failed(), 3);
}

#[test]
fn a_full_disk_refuses_new_pages_and_has_room_again_when_a_file_is_gone() {
    let volume = SimulatedVolume::new();
    let file = opened(&volume);
    volume.set_capacity(Some(2 * nodes::PAGE as u64));
    file.write(0, &[1; 2 * nodes::PAGE]).unwrap();
    assert!(file.write(2 * nodes::PAGE as u64, &[1]).is_err());
    file.write(5, &[2]).unwrap();
    volume.remove(Path::new(PATH)).unwrap();
    assert_eq!(volume.used(), 2 * nodes::PAGE as u64, "still open");
    drop(file);
    assert_eq!(volume.used(), 0);
}

#[test]
fn locks_exclude_other_handles_until_they_close() {
    let volume = SimulatedVolume::new();
    let (one, two) = (opened(&volume), opened(&volume));
    let all = (Bound::Unbounded, Bound::Unbounded);
    let some = (Bound::Included(5), Bound::Excluded(9));
    assert!(one.try_lock_shared_range(some.0, some.1).unwrap());
    assert!(two.try_lock_shared_range(some.0, some.1).unwrap());
    assert!(!two.try_lock_range(all.0, all.1).unwrap());
    assert!(two.query_lock_range(Bound::Included(8), Bound::Unbounded).unwrap());
    assert!(!two.query_lock_range(Bound::Included(9), Bound::Unbounded).unwrap());
    one.close().unwrap();
    assert!(two.try_lock_range(all.0, all.1).unwrap());
    two.unlock_range(all.0, all.1).unwrap();
    assert!(!one.query_lock_range(Bound::Unbounded, Bound::Excluded(5)).unwrap());
}

#[test]
fn a_handle_repairs_neither_the_first_bytes_nor_the_length_of_a_file_that_was_overwritten() {
    let changes = [|file: &VolumeFile| file.write(0, b"header"), |file: &VolumeFile| file.set_len(8_192)];
    for change in changes {
        let volume = SimulatedVolume::new();
        let file = opened(&volume);
        file.write(0, &[1; 4_096]).unwrap();
        let written = file.follow_writes().unwrap();
        change(&file).unwrap();
        volume.write(PATH, b"a note");
        assert!(change(&file).is_err() && written.seal().is_set());
        assert_eq!(volume.read(PATH).unwrap(), b"a note");
    }
}

#[test]
fn a_failed_look_at_a_file_is_no_proof_that_it_was_overwritten() {
    let volume = SimulatedVolume::new();
    let file = opened(&volume);
    file.write(0, &[1; 4_096]).unwrap();
    let written = file.follow_writes().unwrap();
    volume.fail_every(&[DiskOperation::Read], Failure::Io);
    assert!(file.write(0, b"header").is_err() && !written.seal().is_set());
    volume.heal();
    file.write(0, b"header").unwrap();
}
