// Shared by the three programs: one loop on one thread over Proton's proactor, and errors that end them.
#ifndef PROGRAM_H
#define PROGRAM_H

#include <proton/condition.h>
#include <proton/connection.h>
#include <proton/delivery.h>
#include <proton/event.h>
#include <proton/link.h>
#include <proton/proactor.h>
#include <proton/session.h>
#include <proton/transport.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The credit that every receiver tops up to.
#define CREDIT 1000

static inline void die(const char *why) {
    fprintf(stderr, "proton: %s\n", why);
    exit(1);
}

static inline void die_if(pn_condition_t *condition) {
    if (!condition || !pn_condition_is_set(condition)) return;
    fprintf(stderr, "proton: %s: %s\n", pn_condition_get_name(condition), pn_condition_get_description(condition));
    exit(1);
}

static inline void top_up(pn_link_t *link) {
    int credit = pn_link_credit(link);
    if (credit <= CREDIT / 2) pn_link_flow(link, CREDIT - credit);
}

// Takes the payload of a delivery that is all there, into memory that is the caller's to keep.
static inline pn_rwbytes_t take(pn_link_t *link, pn_delivery_t *delivery) {
    size_t size = pn_delivery_pending(delivery);
    pn_rwbytes_t payload = {size, malloc(size ? size : 1)};
    if (!payload.start) die("no memory");
    if (pn_link_recv(link, payload.start, size) != (ssize_t)size) die("a message came short");
    pn_link_advance(link);
    return payload;
}

// Handles events until `handle` returns that it is over.
static inline void loop(pn_proactor_t *proactor, bool (*handle)(pn_event_t *)) {
    for (bool over = false; !over;) {
        pn_event_batch_t *batch = pn_proactor_wait(proactor);
        pn_event_t *event;
        while ((event = pn_event_batch_next(batch))) over |= handle(event);
        pn_proactor_done(proactor, batch);
    }
}

// Events that are errors in every program.
static inline void check(pn_event_t *event) {
    switch (pn_event_type(event)) {
    case PN_TRANSPORT_ERROR: die_if(pn_transport_condition(pn_event_transport(event))); break;
    case PN_CONNECTION_REMOTE_CLOSE: die_if(pn_connection_remote_condition(pn_event_connection(event))); break;
    case PN_SESSION_REMOTE_CLOSE: die_if(pn_session_remote_condition(pn_event_session(event))); break;
    case PN_LINK_REMOTE_CLOSE:
    case PN_LINK_REMOTE_DETACH: die_if(pn_link_remote_condition(pn_event_link(event))); break;
    default: break;
    }
}

#endif
