// Keeps messages in queues and passes them on, unsettled until their consumer has settled them:
//   broker PORT [IDLE_TIMEOUT], the last in milliseconds
#include "program.h"

#include <proton/listener.h>
#include <proton/netaddr.h>
#include <proton/sasl.h>

// Messages, in a ring that grows, and who is served from it.
typedef struct queue {
    char *name;
    pn_rwbytes_t *messages;
    size_t first, count, room;
    pn_link_t **consumers;
    size_t consumer_count, consumer_room;
    struct queue *next;
} queue;

static queue *queues;
static uint64_t next_tag;
static pn_millis_t idle_timeout;

static void *grown(void *block, size_t size) {
    block = realloc(block, size);
    if (!block) die("no memory");
    return block;
}

static queue *queue_of(const char *name) {
    for (queue *q = queues; q; q = q->next)
        if (!strcmp(q->name, name)) return q;
    queue *q = calloc(1, sizeof *q);
    if (!q || !(q->name = strdup(name))) die("no memory");
    q->next = queues;
    return queues = q;
}

static void push(queue *q, pn_rwbytes_t message) {
    if (q->count == q->room) {
        size_t room = q->room ? 2 * q->room : 1024;
        q->messages = grown(q->messages, room * sizeof *q->messages);
        // The part before the ring's seam moves behind the part after it.
        memcpy(q->messages + q->room, q->messages, q->first * sizeof *q->messages);
        q->room = room;
    }
    q->messages[(q->first + q->count++) & (q->room - 1)] = message;
}

static pn_rwbytes_t pop(queue *q) {
    pn_rwbytes_t message = q->messages[q->first];
    q->first = (q->first + 1) & (q->room - 1);
    q->count--;
    return message;
}

// Only from the turn of the link's own connection.
static void serve(pn_link_t *link) {
    queue *q = pn_link_get_context(link);
    while (q && q->count && pn_link_credit(link) > 0) {
        pn_rwbytes_t message = pop(q);
        next_tag++;
        pn_delivery_t *delivery = pn_delivery(link, pn_dtag((const char *)&next_tag, sizeof next_tag));
        pn_delivery_set_context(delivery, message.start);
        if (pn_link_send(link, message.start, message.size) != (ssize_t)message.size) die("a message was sent short");
        pn_link_advance(link);
    }
}

static void serve_all(pn_connection_t *connection) {
    int both = PN_LOCAL_ACTIVE | PN_REMOTE_ACTIVE;
    for (pn_link_t *link = pn_link_head(connection, both); link; link = pn_link_next(link, both))
        if (pn_link_is_sender(link)) serve(link);
}

static void store(pn_delivery_t *delivery) {
    pn_link_t *link = pn_delivery_link(delivery);
    queue *q = pn_link_get_context(link);
    push(q, take(link, delivery));
    pn_delivery_update(delivery, PN_ACCEPTED);
    pn_delivery_settle(delivery);
    top_up(link);
    // Another connection may only be touched in a turn of its own. Several wakes count as one.
    for (size_t i = 0; i < q->consumer_count; i++)
        if (pn_link_credit(q->consumers[i]) > 0) {
            pn_connection_wake(pn_session_connection(pn_link_session(q->consumers[i])));
            break;
        }
}

static void on_delivery(pn_delivery_t *delivery) {
    if (pn_delivery_readable(delivery)) {
        if (!pn_delivery_partial(delivery)) store(delivery);
    } else if (pn_delivery_updated(delivery)) {
        free(pn_delivery_get_context(delivery));
        pn_delivery_settle(delivery);
    }
}

static void attach(pn_link_t *link) {
    pn_terminus_copy(pn_link_source(link), pn_link_remote_source(link));
    pn_terminus_copy(pn_link_target(link), pn_link_remote_target(link));
    bool sends = pn_link_is_sender(link);
    queue *q = queue_of(pn_terminus_get_address(sends ? pn_link_source(link) : pn_link_target(link)));
    pn_link_set_context(link, q);
    pn_link_open(link);
    if (!sends) {
        pn_link_flow(link, CREDIT);
        return;
    }
    if (q->consumer_count == q->consumer_room) {
        q->consumer_room = q->consumer_room ? 2 * q->consumer_room : 4;
        q->consumers = grown(q->consumers, q->consumer_room * sizeof *q->consumers);
    }
    q->consumers[q->consumer_count++] = link;
}

static void forget(pn_link_t *link) {
    queue *q = pn_link_get_context(link);
    for (size_t i = 0; q && i < q->consumer_count; i++)
        if (q->consumers[i] == link) {
            q->consumers[i] = q->consumers[--q->consumer_count];
            break;
        }
    pn_link_set_context(link, NULL);
}

static void forget_all(pn_connection_t *connection) {
    for (pn_link_t *link = pn_link_head(connection, 0); link; link = pn_link_next(link, 0)) forget(link);
}

static void accept_one(pn_listener_t *listener) {
    pn_transport_t *transport = pn_transport();
    pn_transport_set_server(transport);
    pn_sasl_allowed_mechs(pn_sasl(transport), "ANONYMOUS");
    if (idle_timeout) pn_transport_set_idle_timeout(transport, idle_timeout);
    pn_listener_accept2(listener, NULL, transport);
}

static void on_listening(pn_listener_t *listener) {
    char port[PN_MAX_ADDR];
    pn_netaddr_host_port(pn_listener_addr(listener), NULL, 0, port, sizeof port);
    printf("listening on 127.0.0.1:%s\n", port);
    fflush(stdout);
}

static bool handle(pn_event_t *event) {
    switch (pn_event_type(event)) {
    case PN_LISTENER_OPEN: on_listening(pn_event_listener(event)); break;
    case PN_LISTENER_ACCEPT: accept_one(pn_event_listener(event)); break;
    case PN_LISTENER_CLOSE: die("it does not listen any more"); break;
    case PN_CONNECTION_INIT: pn_connection_set_container(pn_event_connection(event), "broker"); break;
    case PN_CONNECTION_REMOTE_OPEN: pn_connection_open(pn_event_connection(event)); break;
    case PN_SESSION_REMOTE_OPEN: pn_session_open(pn_event_session(event)); break;
    case PN_LINK_REMOTE_OPEN: attach(pn_event_link(event)); break;
    case PN_LINK_FLOW:
        if (pn_link_is_sender(pn_event_link(event))) serve(pn_event_link(event));
        break;
    case PN_CONNECTION_WAKE: serve_all(pn_event_connection(event)); break;
    case PN_DELIVERY: on_delivery(pn_event_delivery(event)); break;
    case PN_LINK_REMOTE_CLOSE:
    case PN_LINK_REMOTE_DETACH:
        forget(pn_event_link(event));
        pn_link_close(pn_event_link(event));
        break;
    case PN_SESSION_REMOTE_CLOSE: pn_session_close(pn_event_session(event)); break;
    case PN_CONNECTION_REMOTE_CLOSE: pn_connection_close(pn_event_connection(event)); break;
    case PN_TRANSPORT_CLOSED: forget_all(pn_event_connection(event)); break;
    default: break;
    }
    return false;
}

int main(int argc, char **argv) {
    if (argc != 2 && argc != 3) die("usage: broker PORT [IDLE_TIMEOUT]");
    if (argc == 3) idle_timeout = (pn_millis_t)strtoul(argv[2], NULL, 10);
    char where[PN_MAX_ADDR];
    pn_proactor_addr(where, sizeof where, "127.0.0.1", argv[1]);
    pn_proactor_t *proactor = pn_proactor();
    pn_proactor_listen(proactor, pn_listener(), where, 1024);
    loop(proactor, handle);
    return 0;
}
