//! Who is compared, by name and version.

pub const FE2O3: &str = concat!("fe2o3-amqp ", env!("VERSION_FE2O3_AMQP"));
pub const SERDE_AMQP: &str = concat!("serde_amqp ", env!("VERSION_SERDE_AMQP"));
pub const NTEX: &str = concat!("ntex-amqp-codec ", env!("VERSION_NTEX_AMQP_CODEC"));

pub const NTEX_AMQP: &str = concat!("ntex-amqp ", env!("VERSION_NTEX_AMQP"));

pub const RAMQP: &str = concat!("ramqp ", env!("VERSION_RAMQP"));
pub const RAMQP_CORE: &str = concat!("ramqp-core ", env!("VERSION_RAMQP_CORE"));

/// Qpid Proton C as it is installed.
pub fn proton() -> String {
    format!("Proton C {}", crate::proton::version())
}
