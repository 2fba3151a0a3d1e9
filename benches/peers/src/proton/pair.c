#include "pair.h"

#include <proton/connection.h>
#include <proton/event.h>
#include <proton/terminus.h>
#include <proton/transport.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void die(const char *why) {
    fprintf(stderr, "proton: %s\n", why);
    abort();
}

static void open_link(pair *p, pn_link_t *link) {
    pn_terminus_copy(pn_link_source(link), pn_link_remote_source(link));
    pn_terminus_copy(pn_link_target(link), pn_link_remote_target(link));
    pn_link_open(link);
    if (p->credit) pn_link_flow(link, (int)p->credit);
}

static void on_server_event(pair *p, pn_event_t *event) {
    switch (pn_event_type(event)) {
    case PN_CONNECTION_REMOTE_OPEN: pn_connection_open(pn_event_connection(event)); break;
    case PN_SESSION_REMOTE_OPEN: pn_session_open(pn_event_session(event)); break;
    case PN_LINK_REMOTE_OPEN: open_link(p, pn_event_link(event)); break;
    case PN_DELIVERY: receive_delivery(p, pn_event_delivery(event)); break;
    case PN_LINK_REMOTE_CLOSE:
    case PN_LINK_REMOTE_DETACH:
        pn_link_close(pn_event_link(event));
        pn_link_free(pn_event_link(event));
        break;
    case PN_SESSION_REMOTE_CLOSE:
        pn_session_close(pn_event_session(event));
        pn_session_free(pn_event_session(event));
        break;
    case PN_TRANSPORT_ERROR: die("the server's transport failed"); break;
    default: break;
    }
}

static void on_client_event(pair *p, pn_event_t *event) {
    switch (pn_event_type(event)) {
    case PN_SESSION_REMOTE_OPEN:
    case PN_LINK_REMOTE_OPEN: p->opened++; break;
    case PN_SESSION_REMOTE_CLOSE:
    case PN_LINK_REMOTE_CLOSE: p->closed++; break;
    case PN_DELIVERY: take_outcome(p, pn_event_delivery(event)); break;
    case PN_TRANSPORT_ERROR: die("the client's transport failed"); break;
    default: break;
    }
}

static void events(pair *p, pn_connection_driver_t *end) {
    pn_event_t *event;
    while ((event = pn_connection_driver_next_event(end))) {
        if (end == &p->server) on_server_event(p, event);
        else on_client_event(p, event);
    }
}

// The pipe: one memcpy from the one's output to the other's input.
static bool carry(pair *p, pn_connection_driver_t *from, pn_connection_driver_t *to) {
    bool moved = false;
    for (;;) {
        pn_bytes_t output = pn_connection_driver_write_buffer(from);
        if (!output.size) return moved;
        pn_rwbytes_t input = pn_connection_driver_read_buffer(to);
        if (!input.size) {
            events(p, to);
            input = pn_connection_driver_read_buffer(to);
            if (!input.size) return moved;
        }
        size_t size = output.size < input.size ? output.size : input.size;
        memcpy(input.start, output.start, size);
        pn_connection_driver_write_done(from, size);
        pn_connection_driver_read_done(to, size);
        moved = true;
    }
}

bool peers_turn(pair *p) {
    events(p, &p->client);
    bool moved = carry(p, &p->client, &p->server);
    events(p, &p->server);
    moved |= carry(p, &p->server, &p->client);
    events(p, &p->client);
    return moved;
}

void peers_quiet(pair *p) {
    while (peers_turn(p)) {}
}

static void start(pn_connection_driver_t *end, uint32_t max_frame_size, const char *container) {
    if (pn_connection_driver_init(end, NULL, NULL)) die("no memory");
    pn_transport_set_max_frame(end->transport, max_frame_size);
    pn_connection_set_container(end->connection, container);
}

pair *peers_pair(uint32_t max_frame_size, uint32_t credit) {
    pair *p = calloc(1, sizeof *p);
    if (!p) die("no memory");
    p->credit = credit;
    p->random = 88172645463325252ull;
    start(&p->client, max_frame_size, "client");
    start(&p->server, max_frame_size, "server");
    pn_transport_set_server(p->server.transport);
    pn_connection_open(p->client.connection);
    peers_quiet(p);
    if (!(pn_connection_state(p->client.connection) & PN_REMOTE_ACTIVE)) die("the connection did not open");
    return p;
}

void peers_free(pair *p) {
    pn_connection_driver_destroy(&p->client);
    pn_connection_driver_destroy(&p->server);
    free(p->links);
    free(p->held);
    free(p->inbox);
    free(p);
}
