//! AMQP over WebSocket (OASIS amqp-wsb v1.0 CS01): names for the handshake.
//!
//! The bytes of the connection travel in binary messages. Their boundaries mean nothing, so a binary message is a part of
//! a byte stream and never a frame. TLS is that of `wss`; an AMQP TLS header is never sent.

/// The subprotocol to offer in the handshake.
pub const SUBPROTOCOL: &str = "amqp";
/// The subprotocol that older services of Azure want instead.
pub const SUBPROTOCOL_LEGACY: &str = "AMQPWSB10";
/// The path at Service Bus and Event Hubs.
pub const SERVICE_BUS_PATH: &str = "/$servicebus/websocket";
/// The path at IoT Hub.
pub const IOT_HUB_PATH: &str = "/$iothub/websocket";
/// The path at IoT Hub for a client without an X.509 certificate.
pub const IOT_HUB_PATH_WITHOUT_CERTIFICATE: &str = "/$iothub/websocket?iothub-no-client-cert=true";
/// The port of `wss`.
pub const PORT: u16 = 443;
