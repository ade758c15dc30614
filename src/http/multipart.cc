// The state machine behind MultipartParser. Each state consumes what it can of a piece and names the next state. It
// runs on the thread that feeds it, and it must not hold a part in memory: bytes go to the sink from the piece itself.

#include "http/multipart.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "trolley/error.h"

namespace trolley {
namespace {

constexpr size_t kMaxHeadBytes = size_t{64} << 10;     // of one part; also of the preamble
constexpr size_t kMaxEpilogueBytes = size_t{1} << 20;  // of what follows the closing delimiter
constexpr size_t kMaxBoundary = 1000;                  // RFC 2046 says 70, Orthanc sends 73
constexpr size_t kMaxPadding = 256;

using Piece = std::span<const std::byte>;

std::string_view Text(Piece piece) {
  return {reinterpret_cast<const char*>(piece.data()), piece.size()};
}

[[noreturn]] void Malformed(std::string_view reason) {
  throw Error(ErrorCode::kProtocol, StrCat("Cannot read the multipart response: ", reason));
}

void CheckBoundary(std::string_view boundary) {
  const auto bad = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == '\x7f'; };
  if (boundary.size() > kMaxBoundary || std::any_of(boundary.begin(), boundary.end(), bad)) {
    Malformed("its boundary is malformed");
  }
}

void AddHeaderLine(std::string_view line, PartHead& head) {
  const auto control = [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == '\x7f'; };
  if (std::any_of(line.begin(), line.end(), control)) {
    Malformed("the header of a part has control characters");
  }
  if (line.front() == ' ' || line.front() == '\t') {  // folded: it continues the line before
    if (head.headers.empty()) {
      Malformed("the header of a part starts with a continuation line");
    }
    head.headers.back().second.append(" ").append(Trim(line));
    return;
  }
  const size_t colon = line.find(':');
  const std::string_view name = Trim(line.substr(0, colon));
  if (colon == std::string_view::npos || name.empty()) {
    Malformed("a line in the header of a part is no header field");
  }
  head.headers.emplace_back(AsciiLower(name), Trim(line.substr(colon + 1)));
}

void CompleteHead(PartHead& head) {
  for (const auto& [name, value] : head.headers) {
    if (name == "content-length") {
      const auto length = ParseUint(value);
      if (!length || (head.content_length && head.content_length != length)) {
        Malformed("the Content-Length of a part is malformed");
      }
      head.content_length = length;
    } else if (name == "content-transfer-encoding" && !EqualsIgnoreCase(value, "binary") &&
               !EqualsIgnoreCase(value, "8bit") && !EqualsIgnoreCase(value, "7bit")) {
      Malformed("a part has a Content-Transfer-Encoding other than binary");
    }
  }
}

}  // namespace

std::string_view PartHead::Header(std::string_view lower_name) const {
  for (const auto& [name, value] : headers) {
    if (name == lower_name) {
      return value;
    }
  }
  return {};
}

class MultipartParser::Impl {
 public:
  Impl(std::string boundary, MultipartSink& sink) : sink_(sink) {
    CheckBoundary(boundary);
    if (boundary.empty()) {
      state_ = State::kFirstLine;
    } else {
      SetBoundary(boundary);
      StartMatch(lf_delimiter_);
    }
  }

  void Feed(Piece piece) {
    if (state_ == State::kFailed) {
      Malformed("it was malformed before");
    }
    State state = std::exchange(state_, State::kFailed);  // it stays so when anything throws
    while (!piece.empty()) {
      state = Step(state, piece);
    }
    state_ = state;
  }

  void Finish() const {
    if (state_ != State::kEpilogue) {
      Malformed(StrCat("it was cut off: ", parts_, " parts came, but no closing delimiter"));
    }
  }

 private:
  enum class State {
    kFirstLine,      // the boundary is not known: the first line tells it
    kPreamble,       // before the first delimiter
    kDelimiterTail,  // after "--boundary"
    kHead,           // in the header of a part
    kCounted,        // in the content of a part with a Content-Length
    kCountedEnd,     // after it: a delimiter must follow
    kSearched,       // in the content of a part without a length
    kEpilogue,       // after the closing delimiter
    kFailed,
  };

  // Takes something from the front of `rest`, which is not empty.
  State Step(State state, Piece& rest) {
    switch (state) {
      case State::kFirstLine:
        return TakeFirstLine(rest);
      case State::kPreamble:
        return TakePreamble(rest);
      case State::kDelimiterTail:
        return TakeTail(rest);
      case State::kHead:
        return TakeHead(rest);
      case State::kCounted:
        return TakeCounted(rest);
      case State::kCountedEnd:
        return TakeCountedEnd(rest);
      case State::kSearched:
        return Search(rest, true) ? BeginTail() : State::kSearched;
      default:
        skipped_ += rest.size();
        if (skipped_ > kMaxEpilogueBytes) {
          Malformed("too much follows its closing delimiter");
        }
        rest = {};
        return State::kEpilogue;
    }
  }

  State TakePreamble(Piece& rest) {
    const size_t before = rest.size();
    const bool found = Search(rest, false);
    skipped_ += before - rest.size();
    if (skipped_ > kMaxHeadBytes) {
      Malformed("no delimiter in its first 64 KiB");
    }
    return found ? BeginTail() : State::kPreamble;
  }

  void SetBoundary(std::string_view boundary) {
    lf_delimiter_ = StrCat("\n--", boundary);
    crlf_delimiter_ = StrCat("\r\n--", boundary);
  }

  // The line break that a delimiter begins with may be the one that ended the header (an empty part), or the begin of
  // the body. It counts as seen, and it is not content when the delimiter does not follow.
  void StartMatch(const std::string& delimiter) {
    delimiter_ = &delimiter;
    matched_ = virtual_ = delimiter.find('-');
  }

  void Emit(Piece piece) {
    if (!piece.empty()) {
      sink_.OnPartData(piece);
    }
  }

  // Looks for the delimiter, and hands on as content what comes before it. A delimiter begins with a character that
  // it does not have anywhere else: after a mismatch, nothing of what had matched can be the start of another match.
  bool Search(Piece& rest, bool is_content) {
    const std::string& wanted = *delimiter_;
    if (matched_ > 0) {
      const size_t length = std::min(rest.size(), wanted.size() - matched_);
      const auto [mismatch, unused] =
          std::mismatch(wanted.begin() + static_cast<std::ptrdiff_t>(matched_),
                        wanted.begin() + static_cast<std::ptrdiff_t>(matched_ + length), Text(rest).begin());
      const size_t same = static_cast<size_t>(mismatch - wanted.begin()) - matched_;
      if (same == length) {
        rest = rest.subspan(length);
        matched_ += length;
        return matched_ == wanted.size();
      }
      // The bytes of this piece are handed on below, from the piece itself.
      if (is_content) {
        Emit(std::as_bytes(std::span(wanted).subspan(virtual_, matched_ - virtual_)));
      }
      matched_ = virtual_ = 0;
    }
    return SearchPiece(rest, is_content);
  }

  bool SearchPiece(Piece& rest, bool is_content) {
    const std::string& wanted = *delimiter_;
    const std::string_view text = Text(rest);
    const void* found = memmem(text.data(), text.size(), wanted.data(), wanted.size());
    size_t content = text.size();
    if (found != nullptr) {
      content = static_cast<size_t>(static_cast<const char*>(found) - text.data());
      matched_ = wanted.size();
    } else {
      const std::string_view end = text.substr(text.size() - std::min(text.size(), wanted.size() - 1));
      const size_t start = end.rfind(wanted.front());
      if (start != std::string_view::npos && wanted.starts_with(end.substr(start))) {
        matched_ = end.size() - start;
        content -= matched_;
      }
    }
    if (is_content) {
      Emit(rest.first(content));
    }
    rest = rest.subspan(content + matched_);
    return found != nullptr;
  }

  State BeginTail() {
    tail_.clear();
    return State::kDelimiterTail;
  }

  // Reads the text after "--boundary": "--", or blanks and the line's end. RFC 2046 §5.1.1 forbids any other line that
  // begins with the delimiter.
  State TakeTail(Piece& rest) {
    const char c = Text(rest).front();
    rest = rest.subspan(1);
    if (c == '-' && tail_ == "-") {
      EndPart();
      skipped_ = 0;
      return State::kEpilogue;
    }
    if (c == '\n' && tail_ != "-") {
      EndPart();
      SetLineBreak(tail_.ends_with('\r'));
      return BeginHead();
    }
    const bool blank = (c == ' ' || c == '\t' || c == '\r') && tail_ != "-" && !tail_.ends_with('\r');
    if (!(blank || (c == '-' && tail_.empty())) || tail_.size() >= kMaxPadding) {
      Malformed("a line begins like a delimiter, but is none");
    }
    tail_.push_back(c);
    return State::kDelimiterTail;
  }

  // The first delimiter decides which line break the server uses.
  void SetLineBreak(bool crlf) {
    if (part_delimiter_ == nullptr) {
      part_delimiter_ = crlf ? &crlf_delimiter_ : &lf_delimiter_;
    }
  }

  State BeginHead() {
    head_ = {};
    line_.clear();
    skipped_ = 0;
    return State::kHead;
  }

  // A line without its line break, once it is complete. Bounded: all lines of a header, or of the preamble.
  bool TakeLine(Piece& rest) {
    const std::string_view text = Text(rest);
    const size_t end = text.find('\n');
    const size_t taken = end == std::string_view::npos ? text.size() : end + 1;
    skipped_ += taken;
    if (skipped_ > kMaxHeadBytes) {
      Malformed("the header of a part is longer than 64 KiB");
    }
    line_.append(text.substr(0, taken));
    rest = rest.subspan(taken);
    if (end == std::string_view::npos) {
      return false;
    }
    line_.pop_back();
    crlf_ = line_.ends_with('\r');
    if (crlf_) {
      line_.pop_back();
    }
    return true;
  }

  State TakeFirstLine(Piece& rest) {
    if (!TakeLine(rest)) {
      return State::kFirstLine;
    }
    const size_t end = line_.find_last_not_of(" \t");
    const std::string_view line = std::string_view(line_).substr(0, end == std::string::npos ? 0 : end + 1);
    if (line.empty()) {
      line_.clear();
      return State::kFirstLine;
    }
    if (line.size() < 3 || !line.starts_with("--")) {
      Malformed("it names no boundary and does not begin with one");
    }
    CheckBoundary(line.substr(2));
    SetBoundary(line.substr(2));
    SetLineBreak(crlf_);
    return BeginHead();
  }

  State TakeHead(Piece& rest) {
    if (!TakeLine(rest)) {
      return State::kHead;
    }
    if (!line_.empty()) {
      AddHeaderLine(line_, head_);
      line_.clear();
      return State::kHead;
    }
    CompleteHead(head_);
    in_part_ = true;
    ++parts_;
    sink_.OnPartBegin(head_);
    if (!head_.content_length) {
      StartMatch(*part_delimiter_);
      return State::kSearched;
    }
    matched_ = 0;
    remaining_ = *head_.content_length;
    return remaining_ > 0 ? State::kCounted : State::kCountedEnd;
  }

  State TakeCounted(Piece& rest) {
    const size_t length = static_cast<size_t>(std::min<uint64_t>(remaining_, rest.size()));
    Emit(rest.first(length));
    rest = rest.subspan(length);
    remaining_ -= length;
    return remaining_ == 0 ? State::kCountedEnd : State::kCounted;
  }

  State TakeCountedEnd(Piece& rest) {
    const std::string_view text = Text(rest);
    const std::string& wanted = *part_delimiter_;
    if (matched_ == 0 && head_.content_length == 0u && text.front() == '-') {
      matched_ = wanted.find('-');  // the line break that ended the header was the delimiter's
    }
    const size_t length = std::min(text.size(), wanted.size() - matched_);
    if (wanted.compare(matched_, length, text.substr(0, length)) != 0) {
      Malformed(StrCat("part ", parts_, " is not as long as its Content-Length says"));
    }
    matched_ += length;
    rest = rest.subspan(length);
    return matched_ == wanted.size() ? BeginTail() : State::kCountedEnd;
  }

  void EndPart() {
    if (in_part_) {
      in_part_ = false;
      sink_.OnPartEnd();
    }
  }

  MultipartSink& sink_;
  State state_ = State::kPreamble;
  std::string lf_delimiter_;
  std::string crlf_delimiter_;
  const std::string* part_delimiter_ = nullptr;  // the one that this server uses
  const std::string* delimiter_ = nullptr;       // the one that is looked for now,
  size_t matched_ = 0;                           // bytes of it that have matched,
  size_t virtual_ = 0;                           // and how many of them are not content
  std::string tail_;
  std::string line_;
  bool crlf_ = false;  // the line before ended so
  size_t skipped_ = 0;
  PartHead head_;
  bool in_part_ = false;
  uint64_t remaining_ = 0;
  uint64_t parts_ = 0;
};

MultipartParser::MultipartParser(std::string boundary, MultipartSink& sink)
    : impl_(std::make_unique<Impl>(std::move(boundary), sink)) {}
MultipartParser::~MultipartParser() = default;

void MultipartParser::Feed(std::span<const std::byte> piece) {
  impl_->Feed(piece);
}

void MultipartParser::Finish() {
  impl_->Finish();
}

}  // namespace trolley
