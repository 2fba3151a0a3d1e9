//! Composite types of a program's own, defined by `composites!`.

use amqp_proto::{
    codec::{Decode, DecodeError, DecodeErrorKind, DecodeLimits, from_bytes, to_vec},
    composites,
    message::{Message, ParseOptions},
    spec::{Composite, Field, Presence},
    types::{Double, Multiple, Str, Symbol},
};

composites! {
    /// A loan, whose descriptor fits one byte.
    #[derive(Eq)]
    pub struct Lease = "example:lease:list" (0x90) in "our manual, 3.2" {
        holder: Str, mandatory;
        seconds: u32, default 30;
        note: Str;
        groups: Symbol, multiple;
        roles: Symbol, multiple_mandatory;
    }

    /// A composite in another, in a domain of its own (1.5).
    struct Loan = "example:loan:list" (0x0000_7ed9_0000_0001) {
        lease: Lease, mandatory;
        rate: Double;
    }

    struct Nothing = "example:nothing:list" (0x91) {}
}

fn decode<T: Decode>(bytes: &[u8]) -> Result<T, DecodeError> {
    from_bytes(&bytes.to_vec().into(), DecodeLimits::DEFAULT)
}

fn kind<T: Decode + std::fmt::Debug>(bytes: &[u8]) -> DecodeErrorKind {
    decode::<T>(bytes).unwrap_err().kind
}

fn lease() -> Lease {
    Lease { holder: "a".into(), roles: Symbol::from_static("r").into(), ..Lease::default() }
}

/// A list of the fields of a lease under a numeric descriptor.
fn fields(count: u8, fields: &[u8]) -> Vec<u8> {
    let size = u8::try_from(fields.len() + 1).unwrap();
    [&[0x00, 0x53, 0x90, 0xc0, size, count], fields].concat()
}

#[test]
fn own_composite_is_written_as_the_standard_writes_its_own() {
    let short = fields(5, b"\xa1\x01a\x40\x40\x40\xa3\x01r");
    assert_eq!(to_vec(&lease()), short);
    let full = Lease {
        seconds: 7,
        note: Some("n".into()),
        groups: Multiple::from([Symbol::from_static("x"), Symbol::from_static("y")]),
        ..lease()
    };
    let bytes = fields(5, b"\xa1\x01a\x52\x07\xa1\x01n\xf0\0\0\0\x09\0\0\0\x02\xa3\x01x\x01y\xa3\x01r");
    let narrow = fields(5, b"\xa1\x01a\x52\x07\xa1\x01n\xe0\x06\x02\xa3\x01x\x01y\xa3\x01r");
    assert_eq!(to_vec(&full), narrow);
    for bytes in [bytes, narrow] {
        assert_eq!(decode::<Lease>(&bytes).as_ref(), Ok(&full));
    }
    assert_eq!(to_vec(&Nothing::default()), [0x00, 0x53, 0x91, 0x45]);
    assert_eq!(decode(&[0x00, 0x53, 0x91, 0x45]), Ok(Nothing {}));
}

#[test]
fn own_composite_is_read_in_every_form() {
    for bytes in [
        fields(5, b"\xa1\x01a\x40\x40\x40\xa3\x01r"),
        // The default written out, an empty array, a wide list, a symbolic descriptor.
        fields(5, b"\xa1\x01a\x52\x1e\x40\xe0\x02\x00\xa3\xa3\x01r"),
        b"\x00\x80\0\0\0\0\0\0\0\x90\xd0\0\0\0\x0d\0\0\0\x05\xa1\x01a\x40\x40\x40\xa3\x01r".to_vec(),
        b"\x00\xa3\x12example:lease:list\xc0\x0a\x05\xa1\x01a\x40\x40\x40\xa3\x01r".to_vec(),
    ] {
        assert_eq!(decode(&bytes), Ok(lease()), "{bytes:x?}");
    }
}

#[test]
fn own_composite_that_is_not_one_is_refused() {
    let missing = |field| DecodeErrorKind::MissingField { composite: "Lease", field };
    assert_eq!(kind::<Lease>(&[0x00, 0x53, 0x90, 0x45]), missing("holder"));
    assert_eq!(kind::<Lease>(&fields(5, b"\x40\x40\x40\x40\xa3\x01r")), missing("holder"));
    assert_eq!(kind::<Lease>(&fields(4, b"\xa1\x01a\x40\x40\x40")), missing("roles"));
    // 1.3: an array without entries is as invalid as null.
    assert_eq!(kind::<Lease>(&fields(5, b"\xa1\x01a\x40\x40\x40\xe0\x02\x00\xa3")), missing("roles"));
    let six = fields(6, b"\xa1\x01a\x40\x40\x40\xa3\x01r\x40");
    assert_eq!(kind::<Lease>(&six), DecodeErrorKind::TooManyFields("Lease"));
    let left = fields(5, b"\xa1\x01a\x40\x40\x40\xa3\x01r\x40");
    assert_eq!(kind::<Lease>(&left), DecodeErrorKind::SizeMismatch);
    assert_eq!(kind::<Lease>(&to_vec(&Nothing {})), DecodeErrorKind::UnknownDescriptor("Lease"));
    assert_eq!(kind::<Lease>(&[0x45]), DecodeErrorKind::WrongType { expected: "Lease", found: 0x45 });
    assert_eq!(
        kind::<Lease>(&fields(1, b"\x52\x01")),
        DecodeErrorKind::WrongType { expected: "string", found: 0x52 }
    );
    for end in 0..to_vec(&lease()).len() {
        assert!(decode::<Lease>(&to_vec(&lease())[..end]).is_err(), "{end}");
    }
}

#[test]
fn own_composite_within_another_is_the_body_of_a_message() {
    let loan = Loan { lease: lease(), rate: Some(Double::from(0.5)) };
    let descriptor = [0x00, 0x80, 0x00, 0x00, 0x7e, 0xd9, 0x00, 0x00, 0x00, 0x01];
    assert_eq!(to_vec(&loan)[..10], descriptor);
    let message = Message::parse(Message::builder().value(&loan).build(), &ParseOptions::default()).unwrap();
    assert_eq!(message.body_as::<Loan>(), Ok(loan));
}

#[test]
fn own_composite_has_the_facts_of_its_table() {
    let field = |name, ty, presence| Field { name, ty, presence };
    assert_eq!((Lease::CODE, Lease::SYMBOL), (0x90, "example:lease:list"));
    assert_eq!((Lease::NAME, Lease::SECTION), ("Lease", "our manual, 3.2"));
    assert_eq!((Loan::NAME, Loan::SECTION), ("Loan", ""));
    assert_eq!(
        Lease::FIELDS,
        [
            field("holder", "Str", Presence::Mandatory),
            field("seconds", "u32", Presence::Default("30")),
            field("note", "Str", Presence::Optional),
            field("groups", "Symbol", Presence::Multiple),
            field("roles", "Symbol", Presence::MandatoryMultiple),
        ]
    );
}
