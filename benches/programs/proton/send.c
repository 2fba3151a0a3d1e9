// Sends messages and waits until all of them are accepted: send PORT ADDRESS COUNT SIZE
#include "program.h"

#include <proton/message.h>

static const char *address;
static uint64_t count, sent, accepted;
static pn_bytes_t body;
static pn_message_t *message;
static pn_rwbytes_t encoded;

static void send_one(pn_link_t *link) {
    pn_message_clear(message);
    pn_message_set_id(message, (pn_atom_t){.type = PN_ULONG, .u.as_ulong = sent});
    pn_message_set_inferred(message, true);
    pn_data_put_binary(pn_message_body(message), body);
    pn_delivery(link, pn_dtag((const char *)&sent, sizeof sent));
    if (pn_message_send(message, link, &encoded) < 0) die("a message was not sent");
    sent++;
}

static void fill(pn_link_t *link) {
    while (sent < count && pn_link_credit(link) > 0) send_one(link);
}

static void open_all(pn_connection_t *connection) {
    pn_session_t *session = pn_session(connection);
    pn_link_t *link = pn_sender(session, "send");
    pn_connection_set_container(connection, "send");
    pn_terminus_set_address(pn_link_target(link), address);
    pn_connection_open(connection);
    pn_session_open(session);
    pn_link_open(link);
}

static void take_outcome(pn_delivery_t *delivery) {
    if (!pn_delivery_updated(delivery)) return;
    if (pn_delivery_remote_state(delivery) != PN_ACCEPTED) die("a message was not accepted");
    pn_link_t *link = pn_delivery_link(delivery);
    pn_delivery_settle(delivery);
    if (++accepted == count) pn_connection_close(pn_session_connection(pn_link_session(link)));
}

static bool handle(pn_event_t *event) {
    check(event);
    switch (pn_event_type(event)) {
    case PN_CONNECTION_INIT: open_all(pn_event_connection(event)); break;
    case PN_LINK_FLOW: fill(pn_event_link(event)); break;
    case PN_DELIVERY: take_outcome(pn_event_delivery(event)); break;
    case PN_PROACTOR_INACTIVE: return true;
    default: break;
    }
    return false;
}

int main(int argc, char **argv) {
    if (argc != 5) die("usage: send PORT ADDRESS COUNT SIZE");
    address = argv[2];
    count = strtoull(argv[3], NULL, 10);
    body.size = strtoull(argv[4], NULL, 10);
    char *bytes = malloc(body.size + 1);
    if (!bytes) die("no memory");
    memset(bytes, 'x', body.size);
    body.start = bytes;
    message = pn_message();
    char where[PN_MAX_ADDR];
    pn_proactor_addr(where, sizeof where, "127.0.0.1", argv[1]);
    pn_proactor_t *proactor = pn_proactor();
    pn_proactor_connect2(proactor, NULL, NULL, where);
    loop(proactor, handle);
    if (accepted != count) die("the connection ended too early");
    printf("sent %llu accepted %llu\n", (unsigned long long)sent, (unsigned long long)accepted);
    return 0;
}
