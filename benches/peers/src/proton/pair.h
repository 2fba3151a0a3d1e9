// Two ends of a connection of Qpid Proton C in one process, with memcpy for a network.
#ifndef PEERS_PAIR_H
#define PEERS_PAIR_H

#include <proton/connection_driver.h>
#include <proton/delivery.h>
#include <proton/link.h>
#include <proton/message.h>
#include <proton/session.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct pair {
    pn_connection_driver_t client, server;
    // Links that messages go over, in turn.
    pn_link_t **links;
    size_t link_count, next_link;
    // The credit that the receiver tops each link up to.
    uint32_t credit;
    // Deliveries that the receiver holds unsettled: a new one takes the place of the oldest, or of any.
    pn_delivery_t **held;
    size_t hold, held_count, oldest;
    bool at_random;
    uint64_t random;
    // The messages under way.
    bool settled;
    uint64_t next_tag, received, outcomes;
    char *inbox;
    size_t inbox_size;
    // Endpoints made and gone, for churn.
    uint64_t next_name, opened, closed;
} pair;

void die(const char *why);

pair *peers_pair(uint32_t max_frame_size, uint32_t credit);
void peers_free(pair *p);
// Carries what there is both ways once, and handles the events. Returns true if anything moved.
bool peers_turn(pair *p);
// Turns until nothing moves.
void peers_quiet(pair *p);
// Adds a session with this number of links, to send over or to keep.
void peers_add_session(pair *p, size_t links);
// Frees the list of links, but not the links.
void peers_forget_links(pair *p);
// The number of deliveries that the receiver is to hold unsettled.
void peers_hold(pair *p, size_t hold, bool at_random);
void peers_send(pair *p, const char *payload, size_t size, bool settled, uint64_t batch, uint64_t count);
void peers_begin_end(pair *p, uint64_t count);
void peers_attach_detach(pair *p, uint64_t count);

// Handlers of a delivery event at the receiver and at the sender.
void receive_delivery(pair *p, pn_delivery_t *delivery);
void take_outcome(pair *p, pn_delivery_t *delivery);
// A sending link with a name of its own, opened.
pn_link_t *new_link(pair *p, pn_session_t *session);

#endif
