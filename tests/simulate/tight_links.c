/* The server's end of a link, with bounds so tight that they are reached. Linked in place of what
 * the library holds. */
#include "common/link.h"

#undef LINK_CREDIT
#undef LINK_NOTICE_BACKLOG
#define LINK_CREDIT         4
#define LINK_NOTICE_BACKLOG 4096

#include "common/link_server.c"       // NOLINT(bugprone-suspicious-include)
#include "common/link_subscription.c" // NOLINT(bugprone-suspicious-include)
