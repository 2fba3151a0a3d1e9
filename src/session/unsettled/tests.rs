use super::*;
use alloc::{vec, vec::Vec};

fn numbers(map: &UnsettledMap<u32>) -> Vec<u32> {
    map.iter().map(|(_, n)| *n).collect()
}

#[test]
fn deliveries_are_found_by_id_and_gone_once_removed() {
    let mut epochs = 7;
    let mut map = UnsettledMap::new(DeliveryNumber::new(u32::MAX), 7);
    let ids: Vec<_> = (0..4).map(|n| map.push(n, &mut epochs)).collect();
    assert_eq!(epochs, 8, "the number wrapped once");
    assert_eq!(ids.iter().map(|id| id.number()).collect::<Vec<_>>(), [u32::MAX, 0, 1, 2]);
    assert_eq!(map.get_mut(ids[0]), Some(&mut 0));
    assert!(map.remove(ids[1]));
    assert!(!map.remove(ids[1]));
    assert_eq!(map.get_mut(DeliveryId::new(9, 0)), None, "another epoch");
    assert_eq!(map.get_mut(map.next_id()), None, "not sent yet");
    assert_eq!(map.iter().map(|(id, _)| id).collect::<Vec<_>>(), [ids[0], ids[2], ids[3]]);
}

#[test]
fn a_range_visits_what_is_unsettled_across_the_wrap() {
    let mut epochs = 0;
    let mut map = UnsettledMap::new(DeliveryNumber::new(u32::MAX - 1), 0);
    for n in 0..5 {
        if n == 2 {
            map.push_settled(&mut epochs);
        } else {
            map.push(n, &mut epochs);
        }
    }
    let mut seen = vec![];
    map.retain_range(DeliveryNumber::new(u32::MAX), DeliveryNumber::new(1), |_, n| {
        seen.push(*n);
        *n != 3
    });
    assert_eq!(seen, [1, 3]);
    assert_eq!(numbers(&map), [0, 1, 4]);
    map.retain_range(DeliveryNumber::new(100), DeliveryNumber::new(200), |_, _| false);
    map.retain_range(DeliveryNumber::new(u32::MAX - 9), DeliveryNumber::new(u32::MAX - 2), |_, _| false);
    assert_eq!(map.len(), 3, "numbers never used and numbers long gone touch nothing");
}

#[test]
fn a_gap_does_not_grow_the_ring_and_deliveries_keep_their_ids() {
    let mut epochs = 0;
    let mut map = UnsettledMap::new(DeliveryNumber::new(0), 0);
    let mut ids = vec![];
    for n in 0..40 {
        if map.must_grow() {
            assert!(map.grow(1000, usize::MAX, usize::MAX));
        }
        ids.push(map.push(n, &mut epochs));
    }
    let capacity = map.ring.capacity();
    for _ in 0..capacity {
        map.push_settled(&mut epochs);
        assert_eq!((map.ring.capacity(), map.len()), (capacity, 40));
    }
    assert!(map.old_len() > 0 && map.is_charge_due());
    for (n, id) in (0..40).zip(ids) {
        assert_eq!(map.get_mut(id), Some(&mut { n }));
    }
    assert_eq!(map.next_id().number(), 40 + u32::try_from(capacity).unwrap());
}

#[test]
fn a_map_grows_in_small_steps_if_it_may_not_at_once() {
    const SLOT: usize = size_of::<Option<u32>>();
    let mut map = UnsettledMap::<u32>::new(DeliveryNumber::new(0), 0);
    for capacity in [4, 8, 16, 32, 64, 128] {
        assert!(map.grow(1000, usize::MAX, usize::MAX));
        assert_eq!(map.ring.capacity(), capacity);
        while !map.must_grow() {
            map.push(0, &mut 0);
        }
    }
    assert!(!map.grow(1000, 127 * SLOT, 128 * SLOT));
    assert!(map.grow(1000, 128 * SLOT, 127 * SLOT));
    assert_eq!(map.ring.capacity(), 128 + 16);
}

#[test]
fn a_half_empty_map_that_cannot_grow_moves_the_oldest_out_of_the_ring() {
    const SLOT: usize = size_of::<Option<u32>>();
    let mut map = UnsettledMap::<u32>::new(DeliveryNumber::new(0), 0);
    let mut ids = vec![];
    for _ in 0..6 {
        assert!(map.grow(1000, usize::MAX, usize::MAX));
        while !map.must_grow() {
            ids.push(map.push(0, &mut 0));
        }
    }
    // Every second is settled, but not the first.
    ids.iter().skip(1).step_by(2).for_each(|id| assert!(map.remove(*id)));
    let before = map.heap_size();
    // 16 deliveries, and as many places to come, each of 16 bytes.
    assert!(!map.grow(1000, 32 * 16 - 1, 128 * SLOT));
    assert!(map.grow(1000, 32 * 16, 128 * SLOT));
    assert_eq!((map.ring.capacity(), map.ring.len(), map.len(), map.old_len()), (128, 112, 64, 8));
    assert!(map.heap_size() - before < 128 * SLOT);
    assert!(!map.must_grow());
    assert!(ids.iter().step_by(2).all(|id| map.get_mut(*id).is_some()));
}

/// A map of 1,000 deliveries, all of them outside the ring, which has been charged.
fn old(epochs: &mut u32) -> (UnsettledMap<u32>, Vec<DeliveryId>) {
    let mut map = UnsettledMap::new(DeliveryNumber::new(0), 0);
    let mut ids = vec![];
    for n in 0..1000 {
        if map.must_grow() {
            assert!(map.grow(2000, usize::MAX, usize::MAX));
        }
        ids.push(map.push(n, epochs));
    }
    (0..2 * map.ring.capacity()).for_each(|_| {
        map.push_settled(epochs);
    });
    assert!(map.is_charge_due() && map.must_grow());
    map.on_charge();
    (map, ids)
}

#[test]
fn a_map_is_charged_again_once_much_of_it_is_gone() {
    let mut epochs = 0;
    let (mut map, ids) = old(&mut epochs);
    assert_eq!((map.old_len(), map.is_charge_due()), (1000, false));
    // In any order: what is removed leaves its place for a while.
    let held = map.heap_size();
    for id in ids[..300].iter().rev() {
        map.remove(*id);
    }
    assert_eq!((map.old_len(), map.is_charge_due(), map.heap_size()), (700, false, held));
    map.retain_range(DeliveryNumber::new(300), DeliveryNumber::new(600), |_, _| false);
    assert!(map.is_charge_due() && map.heap_size() < held / 2 + 4096);
    assert_eq!(numbers(&map), (601..1000).collect::<Vec<_>>());
    for (n, id) in (0..1000).zip(&ids) {
        assert_eq!(map.get_mut(*id), Some(&mut { n }).filter(|n| **n > 600));
    }
    map.on_charge();
    map.retain(|_| false);
    assert!(map.is_charge_due());
    map.on_charge();
    assert!(map.heap_size() < 1024 * 64 + 1);
}

/// A model of the places: deliveries that are removed in any order, while others are added.
#[test]
fn what_stays_behind_is_what_was_not_removed() {
    let mut epochs = 0;
    let mut map = UnsettledMap::new(DeliveryNumber::new(0), 0);
    let (mut model, mut ids, mut seed) = (vec![], vec![], 7_u32);
    for n in 0..3000_u32 {
        ids.push(map.push(n, &mut epochs));
        model.push(n);
        if n % 7 == 0 {
            (0..n % 50).for_each(|_| {
                ids.push(map.next_id());
                map.push_settled(&mut epochs);
            });
        }
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let id = ids[seed as usize / 16 % ids.len()];
        match seed % 5 {
            0 => {
                let last = DeliveryNumber::new(id.number() + seed % 40);
                let mut gone = vec![];
                map.retain_range(id.number().into(), last, |_, n| {
                    if *n % 3 == 0 {
                        gone.push(*n);
                    }
                    *n % 3 != 0
                });
                model.retain(|n| !gone.contains(n));
            }
            1 | 2 => {
                let found = map.get_mut(id).copied();
                assert_eq!(map.remove(id), found.is_some());
                model.retain(|n| Some(*n) != found);
            }
            _ => {}
        }
        assert_eq!(map.len(), model.len());
    }
    assert_eq!(numbers(&map), model);
    assert!(map.old_len() > 300);
}

#[test]
fn a_ring_keeps_some_spare_room_and_hardly_any_if_memory_is_short() {
    for (is_short, kept) in [(false, 1024), (true, 8)] {
        let mut epochs = 0;
        let mut map = UnsettledMap::new(DeliveryNumber::new(0), 0);
        let mut ids = vec![];
        for n in 0..4000_u32 {
            if map.must_grow() {
                assert!(map.grow(8000, usize::MAX, usize::MAX));
            }
            ids.push(map.push(n, &mut epochs));
        }
        map.on_charge();
        map.limit_spare(is_short);
        assert!(map.ring.capacity() >= 4000);
        for id in ids {
            map.remove(id);
        }
        assert!(map.ring.capacity() <= kept && map.is_charge_due(), "{}", map.ring.capacity());
    }
}

#[test]
fn memory_depends_on_the_number_unsettled_and_not_on_the_span() {
    let mut epochs = 0;
    let mut map = UnsettledMap::new(DeliveryNumber::new(0), 0);
    let straggler = map.push(0, &mut epochs);
    for n in 1..10_000 {
        let id = map.push(n, &mut epochs);
        map.remove(id);
    }
    assert!(map.ring.len() <= MIN_RING, "{}", map.ring.len());
    assert_eq!(map.len(), 1);
    assert!(map.remove(straggler));
    // Nor does it stay when the newest are settled first.
    let ids: Vec<_> = (0..10_000).map(|n| map.push(n, &mut epochs)).collect();
    for id in ids.iter().skip(1).rev() {
        map.remove(*id);
    }
    assert!(map.ring.len() <= MIN_RING, "{}", map.ring.len());
    assert_eq!(numbers(&map), [0]);
}

/// Numbers 2³¹ or more apart have no order: the outcome of the older delivery was dropped, and 2³² later its number was
/// used a second time.
#[test]
fn a_map_is_too_far_while_its_oldest_delivery_is_a_quarter_of_a_turn_back() {
    let (mut map, mut epochs) = (UnsettledMap::new(DeliveryNumber::new(5), 0), 0);
    assert!(map.grow(10, usize::MAX, usize::MAX));
    let oldest = map.push(0, &mut epochs);
    // At the first check it is not yet a quarter back, at the next one it is more.
    map.skip(u64::from(QUARTER_TURN) - 6);
    assert!(!map.is_too_far());
    map.skip(u64::from(QUARTER_TURN) - 1);
    let newest = map.push(1, &mut epochs);
    assert!(map.is_too_far());
    assert!(newest.number() - oldest.number() < 1 << 31);
    assert_eq!(map.update_number(oldest.number().into(), |id, n| (true, (id, *n))), Some((oldest, 0)));
    assert!(map.remove(oldest));
    assert!(!map.is_too_far());
}

/// A peer may go further, up to where it would use a number twice.
#[test]
fn a_number_stands_for_the_newest_delivery_that_has_it() {
    let (mut map, mut epochs) = (UnsettledMap::new(DeliveryNumber::new(5), 0), 0);
    let oldest = map.push(0, &mut epochs);
    map.skip(u64::from(u32::MAX) - 10);
    let newest = map.push(1, &mut epochs);
    let numbers = [oldest, newest].map(|id| DeliveryNumber::new(id.number()));
    for (number, id) in numbers.into_iter().zip([oldest, newest]) {
        assert_eq!(map.update_number(number, |id, _| (true, id)), Some(id));
    }
    let mut seen = vec![];
    map.retain_range(numbers[0], numbers[1], |id, _| {
        seen.push(id);
        true
    });
    assert_eq!(seen, [oldest, newest]);
}
