#ifndef TROLLEY_SEARCH_QIDO_QIDO_ROWS_H_
#define TROLLEY_SEARCH_QIDO_QIDO_ROWS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "search/qido/qido_client.h"
#include "search/qido/qido_profile.h"
#include "search/qido/qido_result.h"
#include "search/qido/qido_url.h"
#include "trolley/attributes.h"
#include "trolley/context.h"
#include "trolley/error.h"
#include "trolley/http_client.h"
#include "trolley/query.h"
#include "trolley/searchers.h"

namespace trolley {

// Collects all rows of a query from a QIDO-RS server, page by page, and checks that they match it. Thread-safe.
class QidoRows {
 public:
  QidoRows(const QidoRsOptions& options, std::shared_ptr<HttpClient> http);

  struct Result {
    std::vector<Attributes> rows;
    std::string not_relational = {};  // see QidoPage
  };
  // In the query's window, without those that contradict it. Throws as Searcher::Find.
  Result Collect(const Query& query, const Context& context);

  // A window into the rows that match, not into those that the server sends.
  struct Window {
    std::optional<uint64_t> limit;
    uint64_t offset = 0;
  };
  static std::vector<Attributes> Cut(std::vector<Attributes> rows, const Window& window);
  // Throws kTooMany for more than the configured number.
  void CheckCount(const Query& query, size_t rows) const;

 private:
  // How far the paging of one query is.
  struct Progress {
    size_t first_count = 0;      // rows of the first page
    uint64_t received = 0;       // rows of all pages, repeated ones too
    bool warned = false;         // the server said that there are more than it gave so far
    bool more_counted = false;   // the parent's count says so
    bool repeats_first = false;  // the latest page is the first one again
  };

  Result AllPages(const Query& query, const QidoUrl& url, const Window& window, const Context& context);
  QidoPage FirstPage(const Query& query, const QidoUrl& url, const Window& window, const Context& context);
  void AddPages(const Query& query, const QidoUrl& url, const Window& window, Progress progress,
                std::vector<Attributes>& rows, const Context& context);
  void PagesRefused(const Query& query, const Progress& progress);
  void NoMorePages(const Query& query, const Window& window, const Progress& progress, size_t rows);
  // The number of rows to request in one page: `wanted`, or the server's maximum.
  uint64_t PageSize(const Query& query, uint64_t wanted) const;

  const QidoRsOptions options_;
  const QidoProfile& profile_;
  QidoClient client_;
  QidoCompleteness completeness_;
};

}  // namespace trolley

#endif  // TROLLEY_SEARCH_QIDO_QIDO_ROWS_H_
