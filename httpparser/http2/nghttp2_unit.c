/* nghttp2 as one translation unit: it compiles in the time of its largest file, and the compiler
 * inlines across the files. Its functions are visible to nobody but the module they are linked
 * into, whatever other copy of nghttp2 the process has loaded.
 */

/* What nghttp2's configure script would find on the systems that fastserve runs on. */
#define HAVE_ARPA_INET_H 1
#define HAVE_NETINET_IN_H 1
#define HAVE_CLOCK_GETTIME 1
#define HAVE_DECL_CLOCK_MONOTONIC 1

#include "../../vendor/nghttp2/lib/nghttp2_alpn.c"
#include "../../vendor/nghttp2/lib/nghttp2_buf.c"
#include "../../vendor/nghttp2/lib/nghttp2_callbacks.c"
#include "../../vendor/nghttp2/lib/nghttp2_debug.c"
#include "../../vendor/nghttp2/lib/nghttp2_extpri.c"
#include "../../vendor/nghttp2/lib/nghttp2_frame.c"
#include "../../vendor/nghttp2/lib/nghttp2_hd.c"
#include "../../vendor/nghttp2/lib/nghttp2_hd_huffman.c"
#include "../../vendor/nghttp2/lib/nghttp2_hd_huffman_data.c"
#include "../../vendor/nghttp2/lib/nghttp2_helper.c"
/* Two files have a table of this name, and the tables differ. */
#define VALID_AUTHORITY_CHARS HTTP_VALID_AUTHORITY_CHARS
#include "../../vendor/nghttp2/lib/nghttp2_http.c"
#undef VALID_AUTHORITY_CHARS
#include "../../vendor/nghttp2/lib/nghttp2_map.c"
#include "../../vendor/nghttp2/lib/nghttp2_mem.c"
#include "../../vendor/nghttp2/lib/nghttp2_option.c"
#include "../../vendor/nghttp2/lib/nghttp2_outbound_item.c"
#include "../../vendor/nghttp2/lib/nghttp2_pq.c"
#include "../../vendor/nghttp2/lib/nghttp2_priority_spec.c"
#include "../../vendor/nghttp2/lib/nghttp2_queue.c"
#include "../../vendor/nghttp2/lib/nghttp2_ratelim.c"
#include "../../vendor/nghttp2/lib/nghttp2_rcbuf.c"
#include "../../vendor/nghttp2/lib/nghttp2_session.c"
#include "../../vendor/nghttp2/lib/nghttp2_stream.c"
#include "../../vendor/nghttp2/lib/nghttp2_submit.c"
#include "../../vendor/nghttp2/lib/nghttp2_time.c"
#include "../../vendor/nghttp2/lib/nghttp2_version.c"
#include "../../vendor/nghttp2/lib/sfparse.c"

/* Where the input so far ends; the order of _session.pxd. */
int httpparser_nghttp2_position(const nghttp2_session *session);
int httpparser_nghttp2_position(const nghttp2_session *session) {
  const nghttp2_inbound_frame *iframe = &session->iframe;
  switch (iframe->state) {
  case NGHTTP2_IB_READ_CLIENT_MAGIC:
  case NGHTTP2_IB_READ_FIRST_SETTINGS:
    return 1;
  case NGHTTP2_IB_READ_HEADER_BLOCK:
  case NGHTTP2_IB_IGN_HEADER_BLOCK:
  case NGHTTP2_IB_EXPECT_CONTINUATION:
  case NGHTTP2_IB_IGN_CONTINUATION:
    return 2;
  case NGHTTP2_IB_READ_PAD_DATA:
  case NGHTTP2_IB_READ_DATA:
  case NGHTTP2_IB_IGN_DATA:
    return 3;
  case NGHTTP2_IB_READ_HEAD:
    return nghttp2_buf_len(&iframe->sbuf) ? 4 : 0;
  default:
    return 4;
  }
}
