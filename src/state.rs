//! Every state table of the engine, and nothing else.
//!
//! The standard draws the first two (2.4.6, 2.5.5); the link's (2.6.2 to 2.6.6) and the SASL layer's (5.3.2) it
//! tells in words. A row that is not in the standard's diagram says why.

transitions! {
    /// The states of a connection.
    ConnectionState on ConnectionTrigger in "2.4.6" {
        Start = "START" { SendHeader => HeaderSent, RecvHeader => HeaderRcvd, Lost => End }
        HeaderRcvd = "HDR_RCVD" { SendHeader => HeaderExch, HeaderMismatch => End, Lost => End }
        HeaderSent = "HDR_SENT" {
            RecvHeader => HeaderExch, SendOpen => OpenPipe, HeaderMismatch => End, Lost => End
        }
        HeaderExch = "HDR_EXCH" { RecvOpen => OpenRcvd, SendOpen => OpenSent, Lost => End }
        OpenPipe = "OPEN_PIPE" {
            RecvHeader => OpenSent, SendClose => OcPipe, SendCloseError => OcPipe, HeaderMismatch => End, Lost => End
        }
        OcPipe = "OC_PIPE" { RecvHeader => ClosePipe, HeaderMismatch => End, Lost => End }
        OpenRcvd = "OPEN_RCVD" { SendOpen => Opened, Lost => End }
        // Beyond the diagram: a violation, or a peer that closes without having opened.
        OpenSent = "OPEN_SENT" {
            RecvOpen => Opened, SendClose => ClosePipe, SendCloseError => Discarding, RecvClose => CloseRcvd, Lost => End
        }
        // Beyond the diagram: a peer that answers our close without having opened.
        ClosePipe = "CLOSE_PIPE" { RecvOpen => CloseSent, RecvClose => End, Lost => End }
        Opened = "OPENED" {
            RecvClose => CloseRcvd, SendClose => CloseSent, SendCloseError => Discarding, Lost => End
        }
        CloseRcvd = "CLOSE_RCVD" { SendClose => End, SendCloseError => End, Lost => End }
        CloseSent = "CLOSE_SENT" { RecvClose => End, Lost => End }
        Discarding = "DISCARDING" { RecvClose => End, Lost => End }
        End = "END" {}
    }
    cues {
        /// We sent our protocol header.
        SendHeader = "S:HDR";
        /// The peer's protocol header came, and it is the one due.
        RecvHeader = "R:HDR";
        /// The two headers differ.
        HeaderMismatch = "R:HDR[!=S:HDR]";
        /// We sent open.
        SendOpen = "S:OPEN";
        /// Open came.
        RecvOpen = "R:OPEN";
        /// We sent close without an error.
        SendClose = "S:CLOSE";
        /// We sent close with an error.
        SendCloseError = "S:CLOSE(error)";
        /// Close came.
        RecvClose = "R:CLOSE";
        /// The transport is gone, or we give it up.
        Lost = "LOST";
    }

    /// The states of a session endpoint.
    SessionState on SessionTrigger in "2.5.5" {
        Unmapped = "UNMAPPED" { SendBegin => BeginSent, RecvBegin => BeginRcvd }
        BeginSent = "BEGIN_SENT" { RecvBegin => Mapped, SendEnd => EndPipe, SendEndError => EndPipe }
        BeginRcvd = "BEGIN_RCVD" { SendBegin => Mapped }
        Mapped = "MAPPED" { SendEnd => EndSent, SendEndError => Discarding, RecvEnd => EndRcvd }
        EndSent = "END_SENT" { RecvEnd => Unmapped }
        EndRcvd = "END_RCVD" { SendEnd => Unmapped, SendEndError => Unmapped }
        Discarding = "DISCARDING" { RecvEnd => Unmapped }
        // Beyond the diagram: a session ended before its begin was answered. The answer still comes first.
        EndPipe = "END_PIPE" { RecvBegin => EndSent }
    }
    cues {
        /// We sent begin.
        SendBegin = "S:BEGIN";
        /// Begin came.
        RecvBegin = "R:BEGIN";
        /// We sent end without an error.
        SendEnd = "S:END";
        /// We sent end with an error.
        SendEndError = "S:END(error)";
        /// End came.
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
        // 2.6.5: detached with an error; any input but a detach ends the session.
        Errant = "ERRANT" { RecvDetach => Detached }
        // Detached before the attach was answered. The answer still comes first.
        DetachPipe = "DETACH_PIPE" { RecvAttach => DetachSent }
    }
    cues {
        /// We sent attach.
        SendAttach = "S:ATTACH";
        /// Attach came.
        RecvAttach = "R:ATTACH";
        /// We sent detach without an error.
        SendDetach = "S:DETACH";
        /// We sent detach with an error.
        SendDetachError = "S:DETACH(error)";
        /// Detach came.
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
    cues {
        /// We sent our SASL header.
        SendHeader = "S:HDR";
        /// The server's SASL header came.
        RecvHeader = "R:HDR";
        /// The server's mechanisms came.
        RecvMechanisms = "R:SASL-MECHANISMS";
        /// We chose one.
        SendInit = "S:SASL-INIT";
        /// A challenge came.
        RecvChallenge = "R:SASL-CHALLENGE";
        /// We answered it.
        SendResponse = "S:SASL-RESPONSE";
        /// The outcome came: ok.
        RecvOk = "R:SASL-OUTCOME(ok)";
        /// The outcome came: anything else.
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
    cues {
        /// The client's SASL header came.
        RecvHeader = "R:HDR";
        /// We sent our SASL header.
        SendHeader = "S:HDR";
        /// We offered our mechanisms.
        SendMechanisms = "S:SASL-MECHANISMS";
        /// The client chose one.
        RecvInit = "R:SASL-INIT";
        /// We sent a challenge.
        SendChallenge = "S:SASL-CHALLENGE";
        /// The answer came.
        RecvResponse = "R:SASL-RESPONSE";
        /// We sent the outcome: ok.
        SendOk = "S:SASL-OUTCOME(ok)";
        /// We sent the outcome: anything else.
        SendFailure = "S:SASL-OUTCOME(failure)";
    }
}
