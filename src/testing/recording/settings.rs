//! Settings as `name=value`, for those that differ from their defaults.

use alloc::{format, string::String};

use super::text::{Text, text};
use crate::{
    ConnectionConfig, DecodeLimits, Limits, ReceiverConfig, SendOptions, SenderConfig, SessionConfig,
    Timeouts, Tolerance,
    config::{BeginFacts, LinkConfig, OpenFacts},
};

/// Settings that are written by their names.
pub(super) trait Settings: Sized {
    /// Appends ` name=value` for each that differs from `default`, with a prefix before the name.
    fn write_changed(&self, default: &Self, prefix: &str, out: &mut String);

    /// Sets the one of this name. Returns `None` if there is none, or the word is no value of it.
    fn set(&mut self, name: &str, word: &str) -> Option<()>;
}

fn write_field<T: Text>(value: &T, default: &T, prefix: &str, name: &str, out: &mut String) {
    let word = text(value);
    if word != text(default) {
        out.push_str(&format!(" {prefix}{name}={word}"));
    }
}

/// The fields of each: values, settings within, and boxes of settings that may be absent. Fields behind `without` are
/// not written. A field that is in no list does not compile.
macro_rules! settings {
    ($($ty:ident { $($field:ident)* } within { $($inner:ident)* } boxed { $($boxed:ident)* } without { $($left_out:ident)* })*) => {$(
        impl Settings for $ty {
            fn write_changed(&self, default: &Self, prefix: &str, out: &mut String) {
                let Self { $($field,)* $($inner,)* $($boxed,)* $($left_out: _,)* } = self;
                $(write_field($field, &default.$field, prefix, stringify!($field), out);)*
                $($inner.write_changed(&default.$inner, &format!("{prefix}{}.", stringify!($inner)), out);)*
                $(if let Some(boxed) = $boxed {
                    let due = default.$boxed.clone().unwrap_or_default();
                    boxed.write_changed(&due, &format!("{prefix}{}.", stringify!($boxed)), out);
                })*
            }

            fn set(&mut self, name: &str, word: &str) -> Option<()> {
                match name {
                    $(stringify!($field) => self.$field = Text::parse(word)?,)*
                    _ => {
                        #[allow(unused_variables, reason = "most have nothing within")]
                        let (outer, name) = name.split_once('.')?;
                        match outer {
                            $(stringify!($inner) => self.$inner.set(name, word)?,)*
                            $(stringify!($boxed) => self.$boxed.get_or_insert_default().set(name, word)?,)*
                            _ => return None,
                        }
                    }
                }
                Some(())
            }
        }
    )*};
}

settings! {
    ConnectionConfig {
        side container_id hostname max_frame_size channel_max idle_timeout offered_capabilities desired_capabilities
        required_capabilities sasl_policy tls_header auto_accept_sessions
    } within { limits timeouts tolerance } boxed { facts } without { sasl }
    OpenFacts { properties outgoing_locales incoming_locales } within {} boxed {} without {}
    Limits {
        max_events max_outbox_bytes max_reply_bytes max_unanswered_bytes max_held_bytes max_held_bytes_per_session
        max_held_bytes_before_open max_buffered_bytes_per_delivery max_unsettled max_updates_per_delivery
        max_retained_unsettled max_sasl_frame_size max_sasl_frame_size_sent max_sasl_rounds min_peer_idle_timeout
    } within { decode } boxed {} without {}
    DecodeLimits { max_depth max_elements max_zero_width_elements } within {} boxed {} without { deviations }
    Timeouts {
        open sasl close begin end attach detach drain echo unread_replies
    } within {} boxed {} without {}
    Tolerance {
        frames_for_failed_links missing_delivery_tags delivery_count_ahead arrays_without_constructor lists_as_arrays
        missing_next_incoming_id undescribed_filters string_keys replaced_credit unlisted_outcomes
        detaches_behind_end
    } within {} boxed {} without {}
    SessionConfig {
        incoming_window outgoing_window handle_max next_outgoing_id
    } within {} boxed { facts } without {}
    BeginFacts { properties offered_capabilities desired_capabilities } within {} boxed {} without {}
    LinkConfig {
        name source target snd_settle_mode rcv_settle_mode max_message_size properties offered_capabilities
        desired_capabilities credit streaming keep_outcomes initial_delivery_count
    } within {} boxed {} without {}
    SendOptions {
        settled message_format delivery_state rcv_settle_mode batchable
    } within {} boxed {} without {}
}

macro_rules! link_settings {
    ($($ty:ident)*) => {$(
        impl Settings for $ty {
            fn write_changed(&self, default: &Self, prefix: &str, out: &mut String) {
                self.0.write_changed(&default.0, prefix, out);
            }

            fn set(&mut self, name: &str, word: &str) -> Option<()> {
                self.0.set(name, word)
            }
        }
    )*};
}

link_settings! { SenderConfig ReceiverConfig }
