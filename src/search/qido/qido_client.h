#ifndef TROLLEY_SEARCH_QIDO_QIDO_CLIENT_H_
#define TROLLEY_SEARCH_QIDO_QIDO_CLIENT_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "search/qido/qido_profile.h"
#include "search/qido/qido_result.h"
#include "search/qido/qido_url.h"
#include "trolley/context.h"
#include "trolley/error.h"
#include "trolley/http_client.h"
#include "trolley/query.h"

namespace trolley {

// Single requests to one QIDO-RS server, and what its responses showed about the server. Thread-safe.
class QidoClient {
 public:
  QidoClient(std::string url, const QidoProfile& profile, std::shared_ptr<HttpClient> http);

  // For messages: "search for ...".
  static std::string Doing(const Query& query);

  // One page; its rows are passed to `each` as they arrive, when that is given. A study or series that the archive does
  // not have is an empty page. A URL that is not a DICOMweb service is kProtocol, even if it responds with 404. When
  // the server would need the parents' UIDs, QidoPage::not_relational says so.
  using OnRow = DicomJsonReader::OnRow;
  QidoPage Fetch(const Query& query, const QidoUrl& url, std::optional<uint64_t> limit, uint64_t offset,
                 const Context& context, const OnRow& each = nullptr);
  // As Fetch, but nullopt when the server refuses the request as malformed, as some do for a limit that is too high.
  std::optional<QidoPage> TryFetch(const Query& query, const QidoUrl& url, uint64_t limit, uint64_t offset,
                                   const Context& context, const OnRow& each = nullptr);
  // Whether the server decodes query strings. Requested once, and only when that makes a difference to this query.
  bool Decodes(const Query& query, const Context& context);

 private:
  enum class Decoding { kUnknown, kYes, kNo };

  void Get(const std::string& path_and_query, QidoReader& reader, const Context& context);
  QidoPage Read(const Query& query, const QidoUrl& url, QidoReader& reader, const Context& context);
  QidoPage ReadMissing(const Query& query, const QidoUrl& url, const Context& context);
  bool HasParent(const Query& query, const QidoUrl& url, const Context& context);

  const std::string base_;
  const QidoProfile& profile_;
  const std::shared_ptr<HttpClient> http_;
  std::atomic<bool> base_works_{false};
  std::atomic<Decoding> decoding_{Decoding::kUnknown};
};

}  // namespace trolley

#endif  // TROLLEY_SEARCH_QIDO_QIDO_CLIENT_H_
