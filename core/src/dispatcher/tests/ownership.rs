//! Sources that are given up or lost: what vectors cannot show.

use super::*;

#[test]
fn a_source_that_is_not_known_changes_nothing() {
    let (mut d, source) = open(&Options::new().concurrency(2));
    let other = d.open_source(SourceOptions::new()).unwrap();
    d.end(T0, other);
    assert_eq!(events(&mut d), [Event::Drained { source: other }]);
    let item = push(&mut d, source, 1)[0];
    for gone in [other, Source::from_bits(9), Source::from_bits(u64::MAX)] {
        d.revoke(T0, gone, Some(Duration::from_secs(1)));
        d.fence(T0, gone);
        d.stop(T0, gone, 0);
        d.taking(T0, gone, true);
    }
    assert_eq!(events(&mut d), []);
    assert_eq!(d.poll_timeout(), None);
    assert_eq!(runs(&mut d), [item]);
}

#[test]
fn a_source_in_the_place_of_one_that_is_gone_is_another() {
    let (mut d, source) = open(&Options::new().concurrency(2));
    d.revoke(T0, source, Some(Duration::from_secs(1)));
    assert_eq!(events(&mut d), [Event::Drained { source }]);
    assert_eq!(d.poll_timeout(), None, "there is nothing to wait for");
    let next = d.open_source(SourceOptions::new()).unwrap();
    let item = push(&mut d, next, 1)[0];
    d.fence(T0, source);
    assert_eq!(runs(&mut d), [item]);
    ok(&mut d, item);
    assert_eq!(take(&mut d, next), [(0, What::Ok)]);
}

#[test]
fn giving_up_a_source_twice_is_once() {
    let (mut d, source) = open(&Options::new().concurrency(1));
    let items = push(&mut d, source, 2);
    assert_eq!(runs(&mut d), items[..1]);
    d.revoke(T0, source, None);
    d.revoke(T0, source, None);
    d.fence(T0, source);
    let signal = Event::Signal { handle: items[0], attempt: 1, why: Why::Fenced };
    let passed = |handle, why| Event::Passed { handle, why };
    assert_eq!(events(&mut d), [signal, passed(items[1], Why::HandedBack)]);
    d.fence(T0, source);
    d.revoke(T0, source, Some(Duration::from_secs(1)));
    d.handle_timeout(at(1_000));
    assert_eq!(events(&mut d), []);
    assert_eq!(d.complete(at(1_000), items[0], 1, Outcome::Ok), Completion::Ignored);
    assert_eq!(events(&mut d), [passed(items[0], Why::Fenced), Event::Drained { source }]);
    assert_eq!(d.stats(T0).cancelled, 2);
}

#[test]
fn who_waits_for_room_is_told_that_there_will_be_none() {
    for give_up in
        [Dispatcher::fence, |d: &mut Dispatcher, now, source| d.revoke(now, source, None)]
    {
        let (mut d, source) = open(&Options::new().capacity(1));
        let item = push(&mut d, source, 1)[0];
        assert_eq!(runs(&mut d), [item]);
        assert_eq!(d.push(T0, source, None), Err(PushError::Full));
        give_up(&mut d, T0, source);
        assert_eq!(events(&mut d).first(), Some(&Event::Room { source }));
        assert_eq!(d.push(T0, source, None), Err(PushError::Closed));
        assert_eq!(d.wants(source), 0);
    }
}

#[test]
fn what_comes_out_is_completed_once_however_often_takers_change() {
    for ordered in [true, false] {
        let options = Options::new().concurrency(8).ordered(ordered);
        let mut d = Dispatcher::new(&options).unwrap();
        let source = d.open_source(SourceOptions::new().acknowledged(true)).unwrap();
        let items = push(&mut d, source, 4);
        assert_eq!(runs(&mut d), items);
        let mut completed = Vec::new();
        let mut note = |d: &mut Dispatcher| {
            for event in events(d) {
                let Event::Completed { handle } = event else { panic!("{event:?}") };
                completed.push(handle);
            }
        };
        for (n, item) in items.iter().enumerate() {
            d.taking(T0, source, n % 2 == 0);
            ok(&mut d, *item);
            note(&mut d);
        }
        d.taking(T0, source, true);
        let lent = d.poll_release(source).unwrap().handle;
        for taking in [false, true, false, true] {
            d.taking(T0, source, taking);
        }
        assert!(d.released(T0, lent));
        assert_eq!(take(&mut d, source).len(), 3);
        note(&mut d);
        completed.sort_unstable_by_key(|handle| handle.slot().0);
        assert_eq!(completed, items);
    }
}

#[test]
fn a_deadlock_of_one_generation_is_none_where_the_other_ends() {
    let (mut d, source) = open(&Options::new().concurrency(1).capacity(1));
    let item = push(&mut d, source, 1)[0];
    assert_eq!(runs(&mut d), [item]);
    assert!(d.is_deadlocked(&[item]));
    d.revoke(T0, source, Some(Duration::from_secs(1)));
    assert!(!d.is_deadlocked(&[item]), "it is fenced some day");
}

#[test]
fn nothing_of_another_source_comes_out_of_one_that_is_lost() {
    let (mut d, lost) = open(&Options::new().concurrency(4).ordered(false));
    let kept = d.open_source(SourceOptions::new()).unwrap();
    let items = push(&mut d, lost, 2);
    assert_eq!(runs(&mut d), items);
    ok(&mut d, items[0]);
    d.fence(T0, lost);
    let other = push(&mut d, kept, 1)[0];
    assert_eq!(other.slot(), items[0].slot(), "it is in the place of the one that was passed");
    assert_eq!(runs(&mut d), [other]);
    ok(&mut d, other);
    assert_eq!(d.poll_release(lost), None);
    assert_eq!(take(&mut d, kept), [(0, What::Ok)]);
}

#[test]
fn what_waits_elsewhere_is_not_lost_with_a_source() {
    let (mut d, lost) = open(&Options::new().concurrency(2));
    let kept = d.open_source(SourceOptions::new()).unwrap();
    let (held, before) = (push(&mut d, lost, 1)[0], push(&mut d, kept, 1)[0]);
    assert_eq!(runs(&mut d), [held, before]);
    ok(&mut d, held);
    ok(&mut d, before);
    d.pause(T0);
    let first = push(&mut d, kept, 1)[0];
    assert_eq!(take(&mut d, kept), [(0, What::Ok)]);
    let second = push(&mut d, kept, 1)[0];
    assert_eq!(second.slot(), before.slot(), "it is where the neighbour in the line was");
    d.fence(T0, lost);
    assert!(d.cancel(T0, second));
    d.unpause(T0);
    assert_eq!(runs(&mut d), [first]);
}
