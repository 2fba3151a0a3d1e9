//! Addresses, link properties and signatures of Azure, and the names of the WebSocket binding.

use amqp_proto::{
    extensions::{
        azure::{
            EntityType, LinkProperties, SasToken,
            iot_hub::{self, Channel, Device},
            names,
            service_bus::{self, entity_of},
        },
        percent_encode, websocket,
    },
    types::{Fields, Value},
};
use core::time::Duration;
use proptest::prelude::*;

#[test]
fn addresses_of_service_bus_and_event_hubs() {
    assert_eq!(service_bus::subscription("t", "s"), "t/Subscriptions/s");
    assert_eq!(service_bus::dead_letter_queue("t/Subscriptions/s"), "t/Subscriptions/s/$DeadLetterQueue");
    assert_eq!(service_bus::transfer_dead_letter_queue("q"), "q/$Transfer/$DeadLetterQueue");
    assert_eq!(service_bus::management("q"), "q/$management");
    assert_eq!(service_bus::partition("hub", "0"), "hub/Partitions/0");
    assert_eq!(service_bus::consumer("hub", "$Default", "3"), "hub/ConsumerGroups/$Default/Partitions/3");
    assert_eq!(service_bus::audience("ns.example", "q"), "amqps://ns.example/q");
}

#[test]
fn entity_of_an_address_is_its_path_or_itself() {
    let cases = [
        ("q", "q"),
        ("t/Subscriptions/s", "t/Subscriptions/s"),
        ("amqps://ns.example:5671/t/Subscriptions/s", "t/Subscriptions/s"),
        ("sb://ns.example/q", "q"),
        ("sb://ns.example", ""),
        ("", ""),
        ("/q", "/q"),
    ];
    for (address, entity) in cases {
        assert_eq!(entity_of(address), entity, "{address}");
    }
}

#[test]
fn link_properties_have_the_types_of_the_service() {
    let of = |properties: LinkProperties, key: &str| Fields::from(properties).get(key).cloned();
    let new = LinkProperties::new;
    let timeout = |timeout| of(new().timeout(timeout), "com.microsoft:timeout");
    assert_eq!(timeout(Duration::from_millis(59_999)), Some(Value::Uint(59_999)));
    assert_eq!(timeout(Duration::MAX), Some(Value::Uint(u32::MAX)));
    assert_eq!(of(new().epoch(7), "com.microsoft:epoch"), Some(Value::Long(7)));
    assert_eq!(of(new().receiver_name("r"), "com.microsoft:receiver-name"), Some("r".into()));
    let destination = of(new().transfer_destination("q"), "com.microsoft:transfer-destination-address");
    assert_eq!(destination, Some("q".into()));
    let codes = [
        (EntityType::Queue, 0),
        (EntityType::Topic, 1),
        (EntityType::Subscription, 2),
        (EntityType::EventHub, 7),
        (EntityType::ConsumerGroup, 8),
        (EntityType::Partition, 9),
    ];
    for (entity_type, code) in codes {
        let written = of(new().entity_type(entity_type), "com.microsoft:entity-type");
        assert_eq!(written, Some(Value::Int(code)), "{entity_type:?}");
    }
    let all = Fields::from(new().epoch(1).receiver_name("r").timeout(Duration::ZERO));
    assert_eq!(all.len(), 3);
}

#[test]
fn addresses_of_iot_hub_have_the_ids_percent_encoded() {
    let device = Device::new("d%1 =");
    assert_eq!(device.events(), "/devices/d%251%20%3D/messages/events");
    assert_eq!(device.devicebound(), "/devices/d%251%20%3D/messages/devicebound");
    assert_eq!(device.twin(), "/devices/d%251%20%3D/twin");
    assert_eq!(device.methods(), "/devices/d%251%20%3D/methods/devicebound");
    assert_eq!(device.audience("hub.example"), "hub.example/devices/d%251%20%3D");
    let module = Device::module("d", "m/1");
    assert_eq!(module.methods(), "/devices/d/modules/m%2F1/methods/devicebound");
    assert_eq!(module.audience("hub.example"), "hub.example/devices/d/modules/m%2F1");
}

#[test]
fn link_properties_of_iot_hub_join_the_links_of_a_twin_and_of_methods() {
    let common =
        Fields::new().with(names::API_VERSION, iot_hub::API_VERSION).with(names::CLIENT_VERSION, "me/1");
    assert_eq!(iot_hub::link_properties(Channel::Messages, "me/1"), common);
    let cases = [(Channel::Twin("u"), "twin:u"), (Channel::Methods("u"), "methods:u")];
    for (channel, correlation) in cases {
        let properties = iot_hub::link_properties(channel, "me/1");
        let expected = properties.get("com.microsoft:channel-correlation-id").and_then(Value::as_str);
        assert_eq!(expected, Some(correlation));
    }
}

/// HMAC-SHA-256 by the key `key` over the text, from Python's `hmac`.
const SIGNATURE: [u8; 32] = [
    0xee, 0xd8, 0x74, 0xda, 0x19, 0xd3, 0xc8, 0x0b, 0xa9, 0xf6, 0x6b, 0xb5, 0x5e, 0xb5, 0xd1, 0x53, 0x0c,
    0xc3, 0x4e, 0xa3, 0x7e, 0x3d, 0x37, 0x87, 0xb1, 0xcb, 0xad, 0x0f, 0xcd, 0xd9, 0x9f, 0xd6,
];

#[test]
fn signature_is_over_the_encoded_resource_and_the_time() {
    let unsigned = SasToken::new("sb://ns.example/q", 1_700_000_000).key_name("Root & all");
    assert_eq!(unsigned.text_to_sign(), "sb%3A%2F%2Fns.example%2Fq\n1700000000");
    assert_eq!(
        unsigned.signed(&SIGNATURE),
        "SharedAccessSignature sr=sb%3A%2F%2Fns.example%2Fq&sig=7th02hnTyAup9mu1XrXRUwzDTqN%2BPTeHscutD83Zn9Y%3D&se=1700000000&skn=Root%20%26%20all"
    );
    let unsigned = SasToken::new("hub.example/devices/d", 1);
    assert_eq!(unsigned.signed(&[]), "SharedAccessSignature sr=hub.example%2Fdevices%2Fd&sig=&se=1");
}

#[test]
fn names_of_the_websocket_binding() {
    assert_eq!((websocket::SUBPROTOCOL, websocket::SUBPROTOCOL_LEGACY), ("amqp", "AMQPWSB10"));
    assert_eq!(websocket::SERVICE_BUS_PATH, "/$servicebus/websocket");
    let (path, without) = (websocket::IOT_HUB_PATH, websocket::IOT_HUB_PATH_WITHOUT_CERTIFICATE);
    assert_eq!((path, without), ("/$iothub/websocket", "/$iothub/websocket?iothub-no-client-cert=true"));
}

proptest! {
    /// Encoded by another implementation, and decoded by it, any text is the same.
    #[test]
    fn percent_encoding_of_any_text_agrees_with_another_implementation(text in any::<String>()) {
        use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
        const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
        let encoded = percent_encode(&text);
        prop_assert_eq!(&encoded, &utf8_percent_encode(&text, RESERVED).to_string());
        prop_assert_eq!(percent_decode_str(&encoded).decode_utf8().unwrap(), text);
    }

    /// The signature in a token is the bytes that were signed, whatever they are.
    #[test]
    fn signature_of_any_bytes_can_be_read_back(bytes in any::<Vec<u8>>(), expires in any::<u64>()) {
        let token = SasToken::new("r", expires).signed(&bytes);
        let text = token.strip_prefix("SharedAccessSignature sr=r&sig=").unwrap();
        let text = text.strip_suffix(&format!("&se={expires}")).unwrap();
        let text = percent_encoding::percent_decode_str(text).decode_utf8().unwrap();
        prop_assert_eq!(text.len() % 4, 0);
        let digit = |digit: u8| match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            other => panic!("{other}"),
        };
        let mut bits: Vec<bool> = Vec::new();
        for character in text.trim_end_matches('=').bytes() {
            bits.extend((0..6).rev().map(|bit| digit(character) >> bit & 1 == 1));
        }
        let read: Vec<u8> =
            bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |sum, bit| sum << 1 | u8::from(*bit))).collect();
        prop_assert_eq!(read, bytes);
    }
}
