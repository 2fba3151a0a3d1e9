//! The state tables of the engine: connection, session, link, and the layers of SASL and TLS.
//!
//! # States and triggers
//!
//! A state records which of the paired frames have been sent and received. Each of open, close, begin, end, attach
//! and detach is answered by its like, and so is the protocol header. States have the standard's names, such as
//! `OPEN_SENT`.
//!
//! A trigger is one such frame, sent (`S:`) or received (`R:`), or the loss of the transport. Frames without a pair,
//! such as transfer and flow, are not triggers: a state allows them or not, and they leave it unchanged.
//!
//! A table has a row for each legal pair of state and trigger, with the next state. `next` looks a row up, and `None`
//! means that the trigger is illegal: a protocol error if the peer sent the frame, an error of the command if we were
//! to send it. The engine changes a state through `next` and in no other way. A fact about a connection, session or
//! link that changes what may follow is therefore a state or a trigger, and not a flag beside the table.
//!
//! The first state of each table is the initial one. A connection and a SASL exchange have final states, without a
//! row. Sessions and links have none: they return to their first state, and the engine then removes them.
//!
//! # Connection (2.4.6, 2.4.7)
//!
//! The table is the diagram of 2.4.7. It covers three exchanges in order: headers, opens and closes. A state named
//! `_PIPE` belongs to a client that pipelines: it has sent its open, or its close too, before the peer's header or
//! open has arrived (2.4.2). `DISCARDING` is the state after a close with an error: everything but the peer's close
//! is dropped, because the peer may have sent it before it read ours.
//!
//! Three groups of rows are not in the diagram. `LOST` leads from every state to `END`, because a transport can fail
//! or be abandoned at any time. `S:CLOSE(error)` is legal wherever `S:CLOSE` is: a violation can be found before both
//! opens have been exchanged, and in answer to a close. `R:CLOSE` in `OPEN_SENT` and `CLOSE_PIPE` accepts peers that
//! close without having opened, as some do to refuse a connection. A mismatch of the headers is a row of the diagram.
//! Bytes that are no header take `LOST`, and so does a mismatch inside the SASL layer, while this table is in `START`.
//!
//! # Session (2.5.5)
//!
//! The table is the diagram of 2.5.5, with one exchange to map the session to a channel, and one to unmap it. Here
//! too `DISCARDING` follows an end with an error.
//!
//! Two groups of rows are not in the diagram. An end may carry an error even if the peer ended first. And an
//! application can end a session before the peer has answered its begin. The diagram has no state for that, so
//! `END_PIPE` follows the `_PIPE` states of the connection: the peer's begin arrives first, and then its end.
//!
//! # Link (2.6.2 to 2.6.6)
//!
//! The standard has no diagram for links. It describes the exchange of attach and detach in words, so all rows are
//! ours, with the names made like those of a session. `DETACH_PIPE` is what `END_PIPE` is to a session. `ERRANT` is
//! what `DISCARDING` is, with a difference: frames for a link in error are not dropped, they end the session with
//! `amqp:session:errant-link` (2.6.5).
//!
//! The table does not distinguish close from detach, because both have the same frames in the same order. A link
//! stores whether it was closed (2.6.6) beside its state.
//!
//! # SASL layer (5.3.2)
//!
//! The standard draws a sequence here, and no states. The rows of client and server are that sequence, seen from
//! either end. The one loop is a challenge with its response. 5.3.2 makes the TCP client the SASL client too, so the
//! two ends have tables of their own.
//!
//! # TLS layer (5.2)
//!
//! The standard has words and no table here. Each peer sends the header, in either order, and then the stream belongs to
//! TLS (`TUNNEL`) until the caller reports that its handshake is over (`TLS`).
//!
//! # How they relate
//!
//! The machines are nested and run side by side. The TLS layer runs first and the SASL layer second, if they are used,
//! while the connection is in `START`: only after the outcome does the connection send or accept its own header
//! (5.3.3.5). Sessions are mapped while the
//! connection is `OPENED`, and links attach while their session is `MAPPED`. Before the peer's limits are known, only
//! frames that any peer accepts are sent ahead: those of channel 0 and handle 0 (2.4.2). Other sessions and links
//! wait in their first state.
//!
//! No table has triggers for another machine. When a parent ends, the engine raises the last events of its children
//! and removes them in whatever state they are: no frame of theirs can follow the parent's end or close. A child that
//! ends leaves its parent unchanged.

transitions! {
    /// The states of a connection.
    ConnectionState on ConnectionTrigger in "2.4.6" {
        Start = "START" { SendHeader => HeaderSent, RecvHeader => HeaderRcvd, Lost => End }
        HeaderRcvd = "HDR_RCVD" { SendHeader => HeaderExch, HeaderMismatch => End, Lost => End }
        HeaderSent = "HDR_SENT" {
            RecvHeader => HeaderExch, SendOpen => OpenPipe, HeaderMismatch => End, Lost => End
        }
        HeaderExch = "HDR_EXCH" { RecvOpen => OpenRcvd, SendOpen => OpenSent, Lost => End }
        // Not in the diagram: a close with an error.
        OpenPipe = "OPEN_PIPE" {
            RecvHeader => OpenSent, SendClose => OcPipe, SendCloseError => OcPipe, HeaderMismatch => End, Lost => End
        }
        OcPipe = "OC_PIPE" { RecvHeader => ClosePipe, HeaderMismatch => End, Lost => End }
        OpenRcvd = "OPEN_RCVD" { SendOpen => Opened, Lost => End }
        // Not in the diagram: a close with an error, and a peer that closes without having opened.
        OpenSent = "OPEN_SENT" {
            RecvOpen => Opened, SendClose => ClosePipe, SendCloseError => Discarding, RecvClose => CloseRcvd, Lost => End
        }
        // Not in the diagram: a peer that answers our close without having opened.
        ClosePipe = "CLOSE_PIPE" { RecvOpen => CloseSent, RecvClose => End, Lost => End }
        Opened = "OPENED" {
            RecvClose => CloseRcvd, SendClose => CloseSent, SendCloseError => Discarding, Lost => End
        }
        // Not in the diagram: a close with an error.
        CloseRcvd = "CLOSE_RCVD" { SendClose => End, SendCloseError => End, Lost => End }
        CloseSent = "CLOSE_SENT" { RecvClose => End, Lost => End }
        Discarding = "DISCARDING" { RecvClose => End, Lost => End }
        End = "END" {}
    }
    triggers {
        /// We sent our protocol header.
        SendHeader = "S:HDR";
        /// The peer's protocol header arrived, and matches ours.
        RecvHeader = "R:HDR";
        /// The two headers differ.
        HeaderMismatch = "R:HDR[!=S:HDR]";
        /// We sent open.
        SendOpen = "S:OPEN";
        /// The peer's open arrived.
        RecvOpen = "R:OPEN";
        /// We sent close without an error.
        SendClose = "S:CLOSE";
        /// We sent close with an error.
        SendCloseError = "S:CLOSE(error)";
        /// The peer's close arrived.
        RecvClose = "R:CLOSE";
        /// The transport failed, or we abandoned it.
        Lost = "LOST";
    }

    /// The states of a session endpoint.
    SessionState on SessionTrigger in "2.5.5" {
        Unmapped = "UNMAPPED" { SendBegin => BeginSent, RecvBegin => BeginRcvd }
        BeginSent = "BEGIN_SENT" { RecvBegin => Mapped, SendEnd => EndPipe, SendEndError => EndPipe }
        BeginRcvd = "BEGIN_RCVD" { SendBegin => Mapped }
        Mapped = "MAPPED" { SendEnd => EndSent, SendEndError => Discarding, RecvEnd => EndRcvd }
        EndSent = "END_SENT" { RecvEnd => Unmapped }
        // Not in the diagram: an end with an error in answer to an end.
        EndRcvd = "END_RCVD" { SendEnd => Unmapped, SendEndError => Unmapped }
        Discarding = "DISCARDING" { RecvEnd => Unmapped }
        // Not in the diagram: we ended the session before its begin was answered. The answer still arrives first.
        EndPipe = "END_PIPE" { RecvBegin => EndSent }
    }
    triggers {
        /// We sent begin.
        SendBegin = "S:BEGIN";
        /// The peer's begin arrived.
        RecvBegin = "R:BEGIN";
        /// We sent end without an error.
        SendEnd = "S:END";
        /// We sent end with an error.
        SendEndError = "S:END(error)";
        /// The peer's end arrived.
        RecvEnd = "R:END";
    }

    /// The states of a link endpoint, by the handles assigned: half attached, attached, half detached, detached.
    LinkState on LinkTrigger in "2.6.2" {
        Detached = "DETACHED" { SendAttach => AttachSent, RecvAttach => AttachRcvd }
        AttachSent = "ATTACH_SENT" { RecvAttach => Attached, SendDetach => DetachPipe, SendDetachError => DetachPipe }
        AttachRcvd = "ATTACH_RCVD" { SendAttach => Attached }
        Attached = "ATTACHED" { SendDetach => DetachSent, SendDetachError => Errant, RecvDetach => DetachRcvd }
        DetachSent = "DETACH_SENT" { RecvDetach => Detached }
        DetachRcvd = "DETACH_RCVD" { SendDetach => Detached, SendDetachError => Detached }
        // 2.6.5: we detached with an error. Any frame for the link but its detach ends the session.
        Errant = "ERRANT" { RecvDetach => Detached }
        // We detached before our attach was answered. The answer still arrives first.
        DetachPipe = "DETACH_PIPE" { RecvAttach => DetachSent }
    }
    triggers {
        /// We sent attach.
        SendAttach = "S:ATTACH";
        /// The peer's attach arrived.
        RecvAttach = "R:ATTACH";
        /// We sent detach without an error.
        SendDetach = "S:DETACH";
        /// We sent detach with an error.
        SendDetachError = "S:DETACH(error)";
        /// The peer's detach arrived.
        RecvDetach = "R:DETACH";
    }

    /// The states of the SASL exchange at a client.
    SaslClientState on SaslClientTrigger in "5.3.2" {
        Start = "START" { SendHeader => HeaderSent }
        HeaderSent = "HDR_SENT" { RecvHeader => HeaderExch }
        HeaderExch = "HDR_EXCH" { RecvMechanisms => Offered }
        Offered = "OFFERED" { SendInit => Initiated }
        Initiated = "INITIATED" { RecvChallenge => Challenged, RecvOk => Done, RecvFailure => Failed }
        Challenged = "CHALLENGED" { SendResponse => Initiated }
        Done = "DONE" {}
        Failed = "FAILED" {}
    }
    triggers {
        /// We sent our SASL header.
        SendHeader = "S:HDR";
        /// The server's SASL header arrived.
        RecvHeader = "R:HDR";
        /// The server's mechanisms arrived.
        RecvMechanisms = "R:SASL-MECHANISMS";
        /// We chose a mechanism.
        SendInit = "S:SASL-INIT";
        /// A challenge arrived.
        RecvChallenge = "R:SASL-CHALLENGE";
        /// We answered the challenge.
        SendResponse = "S:SASL-RESPONSE";
        /// The outcome `ok` arrived.
        RecvOk = "R:SASL-OUTCOME(ok)";
        /// Another outcome arrived.
        RecvFailure = "R:SASL-OUTCOME(failure)";
    }

    /// The states of the SASL exchange at a server.
    SaslServerState on SaslServerTrigger in "5.3.2" {
        Start = "START" { RecvHeader => HeaderRcvd }
        HeaderRcvd = "HDR_RCVD" { SendHeader => HeaderExch }
        HeaderExch = "HDR_EXCH" { SendMechanisms => Offered }
        Offered = "OFFERED" { RecvInit => Stepping }
        Stepping = "STEPPING" { SendChallenge => Challenging, SendOk => Done, SendFailure => Failed }
        Challenging = "CHALLENGING" { RecvResponse => Stepping }
        Done = "DONE" {}
        Failed = "FAILED" {}
    }
    triggers {
        /// The client's SASL header arrived.
        RecvHeader = "R:HDR";
        /// We sent our SASL header.
        SendHeader = "S:HDR";
        /// We offered our mechanisms.
        SendMechanisms = "S:SASL-MECHANISMS";
        /// The client chose a mechanism.
        RecvInit = "R:SASL-INIT";
        /// We sent a challenge.
        SendChallenge = "S:SASL-CHALLENGE";
        /// The client's response arrived.
        RecvResponse = "R:SASL-RESPONSE";
        /// We sent the outcome `ok`.
        SendOk = "S:SASL-OUTCOME(ok)";
        /// We sent another outcome.
        SendFailure = "S:SASL-OUTCOME(failure)";
    }

    /// The states of the negotiation of TLS by a protocol header, at either end.
    TlsState on TlsTrigger in "5.2" {
        Start = "START" { SendHeader => HeaderSent, RecvHeader => HeaderRcvd }
        HeaderSent = "HDR_SENT" { RecvHeader => Tunnel }
        HeaderRcvd = "HDR_RCVD" { SendHeader => Tunnel }
        Tunnel = "TUNNEL" { Established => Done }
        Done = "DONE" {}
    }
    triggers {
        /// We sent our TLS header.
        SendHeader = "S:HDR";
        /// The peer's TLS header arrived.
        RecvHeader = "R:HDR";
        /// The caller has finished the TLS handshake.
        Established = "TLS";
    }
}

/// The states that a connection, its sessions and its links have reached, and the performatives received.
#[cfg(feature = "testing")]
#[derive(Clone, Debug, Default)]
pub(crate) struct Reached {
    pub(crate) connections: alloc::collections::BTreeSet<ConnectionState>,
    pub(crate) sessions: alloc::collections::BTreeSet<SessionState>,
    pub(crate) links: alloc::collections::BTreeSet<LinkState>,
    pub(crate) received: alloc::collections::BTreeSet<&'static str>,
}

#[cfg(feature = "testing")]
impl Reached {
    /// Adds all that another endpoint has reached.
    pub(crate) fn extend(&mut self, other: &Self) {
        self.connections.extend(&other.connections);
        self.sessions.extend(&other.sessions);
        self.links.extend(&other.links);
        self.received.extend(&other.received);
    }
}
