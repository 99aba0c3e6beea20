use alloc::string::ToString;
use alloc::vec;

use super::*;
use crate::rounds::rounds;

fn new(watermark: &mut Watermark, id: u64) -> Mark {
    match watermark.receive(id) {
        Ok(Received::New(mark)) => mark,
        other => panic!("{id} must be new, and is {other:?}"),
    }
}

fn watermark(ids: &[u64]) -> (Watermark, Vec<Mark>) {
    let mut watermark = Watermark::new();
    let marks = ids.iter().map(|&id| new(&mut watermark, id)).collect();
    (watermark, marks)
}

fn runs(checkpoint: &Checkpoint) -> Vec<(u64, u64)> {
    checkpoint.runs().collect()
}

#[test]
fn the_position_passes_holes_and_nothing_else() {
    let (mut w, marks) = watermark(&[0, 7, 8, 90, u64::MAX]);
    assert_eq!((w.position(), w.in_progress()), (None, 5));
    assert!(w.complete(marks[1]) && w.complete(marks[4]));
    assert_eq!(w.position(), None, "0 is not completed");
    assert_eq!(runs(&w.checkpoint()), [(7, 7), (u64::MAX, u64::MAX)]);
    assert!(w.complete(marks[0]));
    assert_eq!(w.position(), Some(7));
    assert!(w.complete_id(90));
    assert_eq!(w.position(), Some(7), "8 is not completed");
    assert!(w.complete_id(8));
    assert_eq!((w.position(), w.in_progress(), w.stale()), (Some(u64::MAX), 0, 0));
    assert_eq!(w.checkpoint().runs().len(), 0);
}

#[test]
fn ids_that_do_not_rise_are_known_or_refused() {
    let (mut w, marks) = watermark(&[5, 9, 12]);
    let _ = (w.complete(marks[0]), w.complete(marks[2]));
    assert_eq!(w.receive(9), Ok(Received::Known), "in progress");
    assert_eq!(w.receive(12), Ok(Received::Known), "completed beyond the position");
    for id in [0, 5, 6, 11] {
        assert_eq!(w.receive(id), Err(ReceiveError::NotRising { id, highest: 12 }));
    }
    assert_eq!((w.position(), w.in_progress()), (Some(5), 1));
    assert_eq!(
        w.receive(5).unwrap_err().to_string(),
        "ids must rise: the next must be above 12, not 5"
    );
}

#[test]
fn what_does_not_wait_to_be_completed_is_stale() {
    let (mut w, marks) = watermark(&[1, 2, 3]);
    assert!(w.complete(marks[1]));
    assert!(!w.complete(marks[1]), "completed, and held");
    assert!(w.complete(marks[0]));
    assert!(!w.complete(marks[0]), "completed, and passed");
    assert!(!w.complete_id(2) && !w.complete_id(4));
    assert!(!w.complete(Mark::from_bits(3)) && !w.complete(Mark::from_bits(u64::MAX)));
    assert_eq!((w.stale(), w.position(), w.in_progress(), w.uncommitted()), (6, Some(2), 1, 2));
}

#[test]
fn a_mark_of_an_old_generation_is_stale() {
    let (mut w, old) = watermark(&[4, 5]);
    assert!(w.complete(old[1]));
    w.renew(None);
    let again = new(&mut w, 4);
    assert!(!w.complete(old[0]) && !w.complete(old[1]));
    assert_eq!((w.stale(), w.in_progress(), w.position(), w.generation()), (2, 1, None, 1));
    assert!(w.complete(again));
    let _ = new(&mut w, 5);
    assert_eq!(w.position(), Some(4), "5 of the old generation does not count");
}

#[test]
fn a_generation_goes_on_beyond_what_is_committed() {
    let (mut w, _) = watermark(&[4, 5]);
    w.renew(Some(20));
    assert_eq!((w.position(), w.committed(), w.is_dirty()), (Some(20), Some(20), false));
    assert_eq!(w.receive(20), Err(ReceiveError::NotRising { id: 20, highest: 20 }));
    let mark = new(&mut w, 22);
    assert_eq!(w.position(), Some(20));
    assert!(w.complete(mark));
    assert_eq!(w.position(), Some(22));
}

#[test]
fn after_a_fence_nothing_happens_until_a_new_generation_begins() {
    let (mut w, marks) = watermark(&[1, 2, 3]);
    assert!(w.complete(marks[0]));
    let commit = w.begin_commit().unwrap();
    assert!(w.complete(marks[2]));
    w.fence();
    assert!(w.is_fenced());
    assert_eq!(w.receive(9), Err(ReceiveError::Fenced));
    assert!(!w.complete(marks[1]) && !w.confirm(commit.id));
    assert_eq!((w.begin_commit(), w.stale(), w.committed()), (None, 2, None));
    assert_eq!((w.position(), runs(&w.checkpoint())), (Some(1), [(3, 3)].to_vec()));
    assert_eq!(w.restore(&Checkpoint::default(), None), Err(CheckpointError::NotFresh));
    w.renew(None);
    assert!(!w.is_fenced());
    let _ = new(&mut w, 1);
}

#[test]
fn one_commit_is_in_flight_and_what_changes_meanwhile_stays_dirty() {
    let (mut w, marks) = watermark(&[1, 2, 3, 4]);
    assert_eq!(w.begin_commit(), None, "nothing changed");
    assert!(w.complete(marks[0]) && w.complete(marks[2]));
    let first = w.begin_commit().unwrap();
    assert_eq!((first.checkpoint.position(), runs(&first.checkpoint)), (Some(1), vec![(3, 3)]));
    assert!(w.complete(marks[1]));
    assert!(w.is_committing() && w.begin_commit().is_none());
    assert_eq!(w.committed(), None);
    assert!(w.confirm(first.id));
    assert_eq!((w.committed(), w.is_dirty(), w.uncommitted()), (Some(1), true, 1));
    let second = w.begin_commit().unwrap();
    assert_eq!(second.checkpoint.position(), Some(3));
    assert!(!w.confirm(first.id) && !w.fail(first.id), "it is over");
    assert!(w.confirm(second.id));
    assert_eq!((w.committed(), w.is_dirty(), w.stale()), (Some(3), false, 2));
    assert_eq!(w.begin_commit(), None);
}

#[test]
fn a_commit_that_failed_stays_dirty() {
    let (mut w, marks) = watermark(&[1, 2]);
    assert!(w.complete(marks[0]));
    let failed = w.begin_commit().unwrap();
    assert!(w.complete(marks[1]) && w.fail(failed.id));
    assert_eq!((w.committed(), w.uncommitted(), w.is_committing()), (None, 2, false));
    let again = w.begin_commit().unwrap();
    assert_eq!(again.checkpoint.position(), Some(2));
    assert!(!w.confirm(failed.id), "only the newer one counts");
    assert!(w.confirm(again.id));
    assert_eq!((w.committed(), w.is_dirty()), (Some(2), false));
}

#[test]
fn a_commit_of_an_old_generation_is_stale() {
    let (mut w, marks) = watermark(&[1]);
    assert!(w.complete(marks[0]));
    let old = w.begin_commit().unwrap();
    w.renew(None);
    let mark = new(&mut w, 1);
    assert!(w.complete(mark));
    let new = w.begin_commit().unwrap();
    assert!(!w.confirm(old.id));
    assert_eq!((w.committed(), w.is_committing()), (None, true));
    assert!(w.confirm(new.id));
}

#[test]
fn no_more_than_the_capacity_is_received_and_not_acknowledged() {
    let mut w = Watermark::with_capacity(4).unwrap();
    let marks: Vec<Mark> = (0..4).map(|id| new(&mut w, id)).collect();
    assert!(w.is_full() && !w.is_commit_urgent(), "nothing would be acknowledged");
    assert_eq!(w.receive(4), Err(ReceiveError::Full { capacity: 4 }));
    assert_eq!(w.receive(3), Ok(Received::Known), "it takes no room");
    assert!(w.complete(marks[1]));
    assert!(!w.is_commit_urgent(), "the position stays");
    assert!(w.complete(marks[0]) && w.is_commit_urgent());
    let commit = w.begin_commit().unwrap();
    assert!(w.is_full() && !w.is_commit_urgent(), "it is on its way");
    assert!(w.confirm(commit.id));
    assert_eq!((w.unacknowledged(), w.is_full()), (2, false));
    assert!(!w.is_commit_urgent(), "all of it is acknowledged");
    let _ = (new(&mut w, 4), new(&mut w, 5));
    assert!(w.is_full());
}

#[test]
fn a_commit_is_urgent_from_half_of_the_capacity() {
    for (capacity, half) in [(1, 1), (2, 1), (3, 2), (10, 5), (11, 6)] {
        let mut w = Watermark::with_capacity(capacity).unwrap();
        for n in 1..=half {
            assert!(!w.is_commit_urgent(), "{n} of {capacity}");
            let mark = new(&mut w, n);
            assert!(w.complete(mark));
        }
        assert!(w.is_commit_urgent(), "{half} of {capacity}");
    }
    let (mut w, marks) = watermark(&[1]);
    assert!(w.complete(marks[0]) && !w.is_commit_urgent(), "there is no limit");
}

#[test]
fn a_capacity_out_of_its_bounds_is_an_error() {
    for capacity in [0, MAX_ITEMS + 1] {
        let error = Watermark::with_capacity(capacity).unwrap_err();
        let text = alloc::format!("capacity must be from 1 to 1048576, not {capacity}");
        assert_eq!(error.to_string(), text);
    }
    assert!(Watermark::with_capacity(MAX_ITEMS).is_ok());
}

#[test]
fn what_a_checkpoint_has_is_restored_and_passed() {
    let (mut w, marks) = watermark(&[10, 12, 13, 15, 20]);
    for mark in [0, 2, 3] {
        assert!(w.complete(marks[mark]));
    }
    let checkpoint = w.checkpoint();
    let mut later = Watermark::new();
    later.restore(&checkpoint, Some(10)).unwrap();
    assert_eq!(later.checkpoint(), checkpoint, "nothing is lost where nothing is received");
    assert_eq!(
        (later.position(), later.committed(), later.is_dirty()),
        (Some(10), Some(10), false)
    );
    let twelve = new(&mut later, 12);
    assert_eq!(later.receive(13), Ok(Received::Restored));
    assert_eq!(later.receive(13), Ok(Received::Known));
    assert!(!later.complete_id(13), "there is nothing to complete");
    assert_eq!((later.checkpoint(), later.is_dirty()), (checkpoint, false), "no news");
    assert!(later.complete(twelve));
    assert_eq!((later.position(), runs(&later.checkpoint())), (Some(13), vec![(15, 15)]));
    // with nothing in progress, what is restored moves the position, and that is to be committed
    let commit = later.begin_commit().unwrap();
    assert!(later.confirm(commit.id));
    assert_eq!(later.receive(15), Ok(Received::Restored));
    assert_eq!((later.position(), later.uncommitted()), (Some(15), 1));
    let _ = new(&mut later, 20);
}

#[test]
fn what_was_restored_and_never_comes_again_stays_in_the_map_until_it_is_passed() {
    let checkpoint = Checkpoint::new(Some(10), [(12, 14), (16, 30)].into_iter());
    let mut w = Watermark::new();
    w.restore(&checkpoint, Some(10)).unwrap();
    let marks = [new(&mut w, 15), new(&mut w, 31), new(&mut w, 40)];
    assert!(w.complete(marks[2]));
    assert_eq!(runs(&w.checkpoint()), [(12, 14), (16, 30), (40, 40)]);
    assert!(w.complete(marks[0]));
    assert_eq!((w.position(), runs(&w.checkpoint())), (Some(15), vec![(16, 30), (40, 40)]));
    assert!(w.complete(marks[1]));
    assert_eq!((w.position(), runs(&w.checkpoint())), (Some(40), vec![]));
}

#[test]
fn a_checkpoint_of_another_position_or_that_comes_too_late_is_refused() {
    let checkpoint = Checkpoint::new(Some(10), [(12, 12)].into_iter());
    let mut w = Watermark::new();
    for committed in [None, Some(9), Some(11)] {
        let error = CheckpointError::Position { found: Some(10), committed };
        assert_eq!(w.restore(&checkpoint, committed), Err(error));
    }
    assert_eq!(w.position(), None);
    let _ = new(&mut w, 12);
    assert_eq!(w.restore(&checkpoint, Some(10)), Err(CheckpointError::NotFresh));
    w.renew(Some(10));
    assert_eq!(w.restore(&checkpoint, Some(10)), Ok(()));
    assert_eq!(w.receive(12), Ok(Received::Restored));
    assert_eq!(w.restore(&checkpoint, Some(10)), Err(CheckpointError::NotFresh));
    w.renew(Some(10));
    let _ = new(&mut w, 12);
}

#[test]
fn restored_ids_count_as_received_and_not_acknowledged() {
    let mut w = Watermark::with_capacity(2).unwrap();
    w.restore(&Checkpoint::new(None, [(1, 5)].into_iter()), None).unwrap();
    let _ = new(&mut w, 0);
    assert_eq!(w.receive(1), Ok(Received::Restored));
    assert_eq!(w.receive(2), Err(ReceiveError::Full { capacity: 2 }));
    assert!(w.complete_id(0));
    let commit = w.begin_commit().unwrap();
    assert!(w.confirm(commit.id));
    assert_eq!(w.receive(2), Ok(Received::Restored));
}

#[test]
fn memory_does_not_grow_with_what_is_passed() {
    let mut w = Watermark::new();
    for id in 0..rounds(10_000) {
        let mark = new(&mut w, id * 3);
        assert!(w.complete(mark));
    }
    assert!(w.entries.capacity() <= 8, "{}", w.entries.capacity());
}
