//! [`Encoded`]: composites kept as bytes.

use crate::{
    codec::{DecodeLimits, Encoded, to_vec},
    spec::{
        performatives::Attach,
        terminus::{Source, Target},
    },
    types::{Fields, Symbol, Value},
};
use alloc::{boxed::Box, vec};

fn attach() -> Attach {
    let properties = Fields::new().with(Symbol::from_static("key"), Value::from(vec![Value::Null]));
    Attach {
        name: "a name".into(),
        source: Some(Box::new(Source::at("x".repeat(300).as_str()))),
        target: Some(Target::at("node").into()),
        initial_delivery_count: Some(7.into()),
        max_message_size: Some(u64::MAX),
        properties: Some(properties),
        ..Attach::default()
    }
}

#[test]
fn fields_in_any_encoding_are_found_by_their_indices() {
    let attach = attach();
    let small = to_vec(&attach);
    let kept = Encoded::<Attach>::new(&small);
    assert_eq!(kept.decode(DecodeLimits::DEFAULT), Some(attach.clone()));
    let fields = kept.fields::<15>().map(|field| field.map(|field| to_vec(&field)));
    let expected = [
        Some(to_vec(&attach.name)),
        Some(to_vec(&attach.handle)),
        Some(to_vec(&attach.role)),
        None,
        None,
        attach.source.as_ref().map(to_vec),
        attach.target.as_ref().map(to_vec),
        None,
        None,
        attach.initial_delivery_count.as_ref().map(to_vec),
        attach.max_message_size.as_ref().map(to_vec),
        None,
        None,
        attach.properties.as_ref().map(to_vec),
        None,
    ];
    assert_eq!(fields, expected);
    // A symbolic descriptor, a list of the wide form, and a name of the wide form.
    let mut wide = vec![0x00, 0xa3, 3, b'a', b'b', b'c', 0xd0, 0, 0, 0, 14, 0, 0, 0, 2];
    wide.extend([0xb1, 0, 0, 0, 4, b'n', b'a', b'm', b'e', 0x43]);
    let kept = Encoded::<Attach>::new(&wide);
    let [name, handle, role] = kept.fields();
    assert_eq!(name.map(|name| to_vec(&name)), Some(vec![0xb1, 0, 0, 0, 4, b'n', b'a', b'm', b'e']));
    assert_eq!((handle.map(|handle| to_vec(&handle)), role.is_none()), (Some(vec![0x43]), true));
}

#[test]
fn bytes_that_are_no_composite_have_no_fields() {
    let whole = to_vec(&attach());
    for end in 0..whole.len() {
        let kept = Encoded::<Attach>::new(&whole[..end]);
        assert!(kept.fields::<14>()[13].is_none(), "{end} bytes");
    }
    assert!(Encoded::<Attach>::new(&[0x43]).fields::<1>()[0].is_none());
}
