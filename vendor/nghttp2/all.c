/* nghttp2 as one translation unit: it compiles in the time of its largest file, and the compiler
 * inlines across the files. Its functions are visible to nobody but the module they are linked
 * into, whatever other copy of nghttp2 the process has loaded.
 */

/* What nghttp2's configure script would find on the systems that fastserve runs on. */
#define HAVE_ARPA_INET_H 1
#define HAVE_NETINET_IN_H 1
#define HAVE_CLOCK_GETTIME 1
#define HAVE_DECL_CLOCK_MONOTONIC 1

#include "lib/nghttp2_alpn.c"
#include "lib/nghttp2_buf.c"
#include "lib/nghttp2_callbacks.c"
#include "lib/nghttp2_debug.c"
#include "lib/nghttp2_extpri.c"
#include "lib/nghttp2_frame.c"
#include "lib/nghttp2_hd.c"
#include "lib/nghttp2_hd_huffman.c"
#include "lib/nghttp2_hd_huffman_data.c"
#include "lib/nghttp2_helper.c"
/* Two files have a table of this name, and the tables differ. */
#define VALID_AUTHORITY_CHARS HTTP_VALID_AUTHORITY_CHARS
#include "lib/nghttp2_http.c"
#undef VALID_AUTHORITY_CHARS
#include "lib/nghttp2_map.c"
#include "lib/nghttp2_mem.c"
#include "lib/nghttp2_option.c"
#include "lib/nghttp2_outbound_item.c"
#include "lib/nghttp2_pq.c"
#include "lib/nghttp2_priority_spec.c"
#include "lib/nghttp2_queue.c"
#include "lib/nghttp2_ratelim.c"
#include "lib/nghttp2_rcbuf.c"
#include "lib/nghttp2_session.c"
#include "lib/nghttp2_stream.c"
#include "lib/nghttp2_submit.c"
#include "lib/nghttp2_time.c"
#include "lib/nghttp2_version.c"
#include "lib/sfparse.c"
