//! Names and addresses of Azure's services, and shared access signatures.
//!
//! Sources: the protocol guide of Service Bus, and the SDKs of Service Bus, Event Hubs and IoT Hub.

pub mod iot_hub;
pub mod names;
mod sas;
pub mod service_bus;

pub use sas::SasToken;
