#ifndef TROLLEY_SEARCH_QIDO_QIDO_RESULT_H_
#define TROLLEY_SEARCH_QIDO_QIDO_RESULT_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dicom/dicom_json.h"
#include "trolley/attributes.h"
#include "trolley/http_client.h"
#include "trolley/query.h"

namespace trolley {

// One page of a QIDO-RS answer.
struct QidoPage {
  std::vector<Attributes> rows;
  bool more_promised = false;  // a Warning header (or 206) says that there are more
  bool not_fuzzy = false;      // a Warning header says that fuzzy matching was not done
};

// Reads the response to a search as it arrives, so that its text is never in memory as a whole.
class QidoReader : public HttpSink {
 public:
  // `doing` completes "Cannot <doing>: ...". `each` is told of every row; by default they are the page's.
  explicit QidoReader(std::string doing, DicomJsonReader::OnRow each = nullptr);

  void OnHead(const HttpHead& head) override;
  void OnBody(std::span<const std::byte> piece) override;

  const HttpHead& head() const { return head_; }
  // The beginning of the text of a response that is not 2xx.
  const std::string& text() const { return text_; }
  // Of a 2xx response that is complete. 204, an empty body and [] are no rows. Throws kProtocol for a body that is not
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

// What is known of a server that tells whether an answer is whole. Thread-safe.
class QidoCompleteness {
 public:
  // Remembers the NumberOf...Related... that rows of studies and series give.
  void Learn(const Query& query, std::span<const Attributes> rows);
  // So many rows were the last word on this question; nullopt when nothing was told or the question narrows further.
  std::optional<uint64_t> Expected(const Query& query) const;
  // The server once gave more than `rows` rows of that level in an unlimited answer, and there were no more to come.
  bool GivesMoreThan(Level level, size_t rows) const;
  void GaveAll(Level level, size_t rows);
  // The server answers every page with the first one, or refuses limit and offset: asking for pages is of no use.
  bool cannot_page() const { return cannot_page_.load(std::memory_order_relaxed); }
  void CannotPage() { cannot_page_.store(true, std::memory_order_relaxed); }

 private:
  static std::string Key(std::string_view study, std::string_view series);

  std::atomic<bool> cannot_page_{false};
  std::array<std::atomic<size_t>, 3> longest_whole_{};
  mutable std::mutex mutex_;
  std::unordered_map<std::string, uint64_t> counts_;  // bounded
};

}  // namespace trolley

#endif  // TROLLEY_SEARCH_QIDO_QIDO_RESULT_H_
