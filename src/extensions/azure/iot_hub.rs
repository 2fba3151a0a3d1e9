//! Addresses of IoT Hub for devices and modules, and link properties.
//!
//! Source: the SDKs of IoT Hub for C, Java and Node.

use alloc::{format, string::String};

use super::names;
use crate::{extensions::percent_encode, types::Fields};

/// The version of the device interface that [`link_properties`] name.
pub const API_VERSION: &str = "2021-04-12";
/// Application-property of a method's request: the name of the method.
pub const METHOD_NAME: &str = "IoThub-methodname";
/// Application-property of a method's answer: the status, an int.
pub const METHOD_STATUS: &str = "IoThub-status";
/// The address at which a service sends messages to devices.
pub const SERVICE_DEVICEBOUND: &str = "/messages/devicebound";
/// The address at which a service learns what became of its messages to devices.
pub const SERVICE_FEEDBACK: &str = "/messages/servicebound/feedback";

/// A device, or one of its modules.
///
/// ```
/// use amqp_proto::extensions::azure::iot_hub::Device;
///
/// let device = Device::new("d#1");
/// assert_eq!(device.events(), "/devices/d%231/messages/events");
/// assert_eq!(device.audience("hub.azure-devices.net"), "hub.azure-devices.net/devices/d%231");
/// assert_eq!(Device::module("d1", "m1").twin(), "/devices/d1/modules/m1/twin");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// The common start of all addresses.
    path: String,
}

impl Device {
    /// Returns the addresses of a device.
    pub fn new(device: &str) -> Self {
        Self { path: format!("/devices/{}", percent_encode(device)) }
    }

    /// Returns the addresses of a module of a device.
    pub fn module(device: &str, module: &str) -> Self {
        Self { path: format!("/devices/{}/modules/{}", percent_encode(device), percent_encode(module)) }
    }

    /// Returns the audience of a token, and the resource of its [`SasToken`](super::SasToken).
    pub fn audience(&self, host: &str) -> String {
        format!("{host}{}", self.path)
    }

    /// Returns the address to send telemetry to.
    pub fn events(&self) -> String {
        format!("{}/messages/events", self.path)
    }

    /// Returns the address to receive messages of the service from.
    pub fn devicebound(&self) -> String {
        format!("{}/messages/devicebound", self.path)
    }

    /// Returns the address of the twin, for both directions.
    pub fn twin(&self) -> String {
        format!("{}/twin", self.path)
    }

    /// Returns the address of direct methods, for both directions.
    pub fn methods(&self) -> String {
        format!("{}/methods/devicebound", self.path)
    }
}

/// The use of a device's link. The two links of a twin, and those of methods, have one correlation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Channel<'a> {
    /// Telemetry, or messages of the service.
    Messages,
    /// The twin, with a UUID of the caller's.
    Twin(&'a str),
    /// Direct methods, with a UUID of the caller's.
    Methods(&'a str),
}

/// Returns the properties of a device's link. `client_version` is a name and version of the program.
pub fn link_properties(channel: Channel<'_>, client_version: &str) -> Fields {
    let properties =
        Fields::new().with(names::API_VERSION, API_VERSION).with(names::CLIENT_VERSION, client_version);
    match channel {
        Channel::Messages => properties,
        Channel::Twin(id) => properties.with(names::CHANNEL_CORRELATION_ID, format!("twin:{id}")),
        Channel::Methods(id) => properties.with(names::CHANNEL_CORRELATION_ID, format!("methods:{id}")),
    }
}
