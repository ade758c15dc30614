#ifndef TROLLEY_SEARCH_QIDO_QIDO_RESULT_H_
#define TROLLEY_SEARCH_QIDO_QIDO_RESULT_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "dicom/dicom_json.h"
#include "trolley/attributes.h"
#include "trolley/http_client.h"
#include "trolley/query.h"

namespace trolley {

// One page of a QIDO-RS response.
struct QidoPage {
  std::vector<Attributes> rows;
  bool more_promised = false;  // a Warning header (or 206) says that there are more
  bool not_fuzzy = false;      // a Warning header says that fuzzy matching was not done
  // Why the server did not search: it searches series or instances only when their parents are named. Empty: it did.
  std::string not_relational = {};
};

// Reads the response to a search as it arrives, so that its text is never in memory as a whole.
class QidoReader : public HttpSink {
 public:
  // `doing` completes "Cannot <doing>: ...". `each` gets every row; by default they go into the page.
  explicit QidoReader(std::string doing, DicomJsonReader::OnRow each = nullptr);

  void OnHead(const HttpHead& head) override;
  void OnBody(std::span<const std::byte> piece) override;

  const HttpHead& head() const { return head_; }
  // The beginning of the text of a response that is not 2xx.
  const std::string& text() const { return text_; }
  // After a complete 2xx response. 204, an empty body and [] are no rows. Throws kProtocol for a body that is not
  // DICOM JSON, such as a login page.
  QidoPage Finish();

 private:
  template <typename F>
  void Parse(F&& parse) const;

  const std::string doing_;
  HttpHead head_;
  QidoPage page_;
  DicomJsonReader json_;
  enum class Kind { kUnknown, kJson, kOther } kind_ = Kind::kUnknown;
  uint64_t received_ = 0;
  std::string text_;
};

// What is known of a server that shows whether a result is complete. Thread-safe.
class QidoCompleteness {
 public:
  // Remembers the NumberOf...Related... that rows of studies and series give.
  void Learn(const Query& query, std::span<const Attributes> rows);
  // The number of rows that the parent counted; nullopt when it gave none or the query narrows further.
  std::optional<uint64_t> Expected(const Query& query) const;
  // The server once gave more than `rows` rows of that level in an unlimited response, and there were no more.
  bool GivesMoreThan(Level level, size_t rows) const;
  void GaveAll(Level level, size_t rows);
  // The server sends the first page for every page, or refuses limit and offset: pages cannot be requested.
  bool cannot_page() const { return cannot_page_.load(std::memory_order_relaxed); }
  void CannotPage() { cannot_page_.store(true, std::memory_order_relaxed); }

 private:
  static std::string Key(std::string_view study, std::string_view series);

  std::atomic<bool> cannot_page_{false};
  std::array<std::atomic<size_t>, 3> longest_whole_{};
  mutable Mutex mutex_;
  std::unordered_map<std::string, uint64_t> counts_ TROLLEY_GUARDED_BY(mutex_);  // bounded
};

}  // namespace trolley

#endif  // TROLLEY_SEARCH_QIDO_QIDO_RESULT_H_
