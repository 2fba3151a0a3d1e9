//! Guides: how to use the engine, with programs that run as tests. They are pages of the folder `docs`.
//!
//! The programs need the crate `bytes` besides.

/// Declares a module for each page. Of several definitions of a link the first counts: here a page's links lead to other
/// modules, and in the folder to other files.
macro_rules! guides {
    ($($name:ident: $page:literal, $summary:literal $(, $picture:literal)?;)*) => {$(
        #[doc = $summary]
        #[doc = "\n"]
        #[doc = "[limits.md]: crate::guide::limits\n"]
        #[doc = "[loop.md]: crate::guide::your_loop\n[client.md]: crate::guide::client\n[server.md]: crate::guide::server\n"]
        #[doc = "[tokio.md]: crate::guide::tokio\n[sasl_tls.md]: crate::guide::sasl_tls\n[flow_control.md]: crate::guide::flow_control\n"]
        #[doc = "[settlement.md]: crate::guide::settlement\n[azure.md]: crate::guide::azure\n[rabbitmq.md]: crate::guide::rabbitmq\n"]
        #[doc = "[coming_from.md]: crate::guide::coming_from\n"]
        #[doc = "[cbs.md]: crate::extensions::cbs\n[event_hubs.md]: crate::extensions::azure::batch\n"]
        #[doc = "[service_bus.md]: crate::extensions::azure::service_bus\n[requests.md]: crate::extensions::Requests\n"]
        #[doc = "[rabbitmq_queue.md]: crate::extensions::rabbitmq\n[rabbitmq_stream.md]: crate::extensions::rabbitmq\n"]
        #[doc = "[management.md]: crate::extensions::management\n[scram.md]: crate::sasl\n"]
        $(
            // A picture in the page itself; the reference to the file shows nothing.
            #[doc = concat!("[", $picture, "]: data:image/svg+xml,%3Csvg%20xmlns='http://www.w3.org/2000/svg'%20width='1'%20height='1'/%3E\n")]
            #[doc = "<div style=\"overflow-x: auto\">"]
            #[doc = include_str!(concat!("../docs/pictures/", $picture))]
            #[doc = "</div>\n\n"]
        )?
        #[doc = include_str!(concat!("../docs/", $page))]
        pub mod $name {}
    )*};
}

guides! {
    your_loop: "loop.md", "Reading, writing, waiting, and what to do when that fails.";
    client: "client.md", "Connecting, logging in, sending, receiving, and closing.";
    server: "server.md", "Accepting connections, sessions and links, and sending on credit.";
    sasl_tls: "sasl_tls.md", "Logins, and the place of TLS.";
    flow_control: "flow_control.md", "Credit, windows and drain, with a picture.", "flow_control.svg";
    settlement: "settlement.md", "Outcomes and who forgets first, with a picture.", "settlement.svg";
    tokio: "tokio.md", "A client on tokio, over TLS.";
    limits: "limits.md", "Each limit, its default, and what it stops.";
    azure: "azure.md", "Service Bus and Event Hubs: what to set, and in which order.";
    rabbitmq: "rabbitmq.md", "RabbitMQ 4: addresses, settlement, queues and streams.";
    coming_from: "coming_from.md", "Terms of Proton, fe2o3-amqp, ntex-amqp and the callbacks, and ours.";
}
