#include "http/multipart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/text.h"
#include "trolley/error.h"

namespace trolley {
namespace {

using testing::HasSubstr;

struct Part {
  std::vector<std::pair<std::string, std::string>> headers;
  std::string content;
  bool complete = false;
  bool operator==(const Part&) const = default;
};

void PrintTo(const Part& part, std::ostream* out) {
  *out << testing::PrintToString(part.headers) << testing::PrintToString(part.content)
       << (part.complete ? "" : " (incomplete)");
}

class Recorder : public MultipartSink {
 public:
  void OnPartBegin(const PartHead& head) override {
    EXPECT_TRUE(parts.empty() || parts.back().complete);
    parts.push_back({head.headers, {}, false});
  }
  void OnPartData(std::span<const std::byte> piece) override {
    ASSERT_FALSE(parts.empty() || parts.back().complete);
    EXPECT_FALSE(piece.empty());
    parts.back().content.append(reinterpret_cast<const char*>(piece.data()), piece.size());
    pieces.push_back(piece);
  }
  void OnPartEnd() override {
    ASSERT_FALSE(parts.empty() || parts.back().complete);
    parts.back().complete = true;
  }

  std::vector<Part> parts;
  std::vector<std::span<const std::byte>> pieces;
};

struct Outcome {
  std::vector<Part> parts;
  std::string error;  // empty: the whole body was good
  std::vector<std::string> Contents() const {
    std::vector<std::string> contents;
    for (const Part& part : parts) {
      contents.push_back(part.content);
    }
    return contents;
  }
};

// Feeds pieces whose lengths `next_length` tells.
template <typename NextLength>
Outcome ParseInPieces(std::string_view body, const std::string& boundary, NextLength next_length) {
  Recorder recorder;
  Outcome outcome;
  try {
    MultipartParser parser(boundary, recorder);
    while (!body.empty()) {
      const size_t length = std::min<size_t>(next_length(), body.size());
      const std::string piece(body.substr(0, length));  // a copy of its own: ASan sees reads beyond it
      parser.Feed(std::as_bytes(std::span(piece)));
      body.remove_prefix(length);
    }
    parser.Finish();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kProtocol) << error.what();
    outcome.error = error.what();
  }
  outcome.parts = std::move(recorder.parts);
  return outcome;
}

Outcome Parse(std::string_view body, const std::string& boundary = "b") {
  return ParseInPieces(body, boundary, [] { return SIZE_MAX; });
}

std::vector<std::string> Contents(std::string_view body, const std::string& boundary = "b") {
  const Outcome outcome = Parse(body, boundary);
  EXPECT_EQ(outcome.error, "");
  for (const Part& part : outcome.parts) {
    EXPECT_TRUE(part.complete);
  }
  return outcome.Contents();
}

std::string ErrorOf(std::string_view body, const std::string& boundary = "b") {
  const Outcome outcome = Parse(body, boundary);
  EXPECT_NE(outcome.error, "");
  return outcome.error;
}

using Strings = std::vector<std::string>;

constexpr std::string_view kTwoParts =
    "--b\r\nContent-Type: application/dicom\r\nContent-Length: 5\r\n\r\none\r\n\r\n"
    "--b\r\nContent-Type: application/dicom\r\n\r\n\r\n--two\r\n--\r\n--a\r\n\r\n--b--\r\n";
const std::string kSecond = "\r\n--two\r\n--\r\n--a\r\n";

TEST(MultipartTest, TakesPartsByLengthAndBySearch) {
  EXPECT_EQ(Contents(kTwoParts), (Strings{"one\r\n", kSecond}));
}

TEST(MultipartTest, TellsHeadersOfParts) {
  class Heads : public Recorder {
   public:
    void OnPartBegin(const PartHead& head) override {
      lengths.push_back(head.content_length);
      EXPECT_EQ(head.Header("content-type"), "application/dicom");
      EXPECT_EQ(head.Header("content-id"), "");
      Recorder::OnPartBegin(head);
    }
    std::vector<std::optional<uint64_t>> lengths;
  } sink;
  MultipartParser parser("b", sink);
  parser.Feed(std::as_bytes(std::span(kTwoParts)));
  parser.Finish();
  EXPECT_EQ(sink.lengths, (std::vector<std::optional<uint64_t>>{5, std::nullopt}));
}

TEST(MultipartTest, GivesTheSameForEverySplitInTwo) {
  for (size_t split = 1; split < kTwoParts.size(); ++split) {
    bool first = true;
    const Outcome outcome =
        ParseInPieces(kTwoParts, "b", [&] { return std::exchange(first, false) ? split : SIZE_MAX; });
    EXPECT_EQ(outcome.error, "") << split;
    EXPECT_EQ(outcome.Contents(), (Strings{"one\r\n", kSecond})) << split;
  }
}

TEST(MultipartTest, GivesTheSameForEveryPieceLength) {
  for (size_t length = 1; length <= kTwoParts.size(); ++length) {
    const Outcome outcome = ParseInPieces(kTwoParts, "b", [&] { return length; });
    EXPECT_EQ(outcome.error, "") << length;
    EXPECT_EQ(outcome.Contents(), (Strings{"one\r\n", kSecond})) << length;
  }
}

TEST(MultipartTest, RefusesEveryTruncation) {
  const size_t closed = kTwoParts.size() - 2;  // the line break after the closing delimiter may be missing
  for (size_t length = 0; length < closed; ++length) {
    EXPECT_THAT(ErrorOf(kTwoParts.substr(0, length)), HasSubstr("cut off")) << length;
  }
  EXPECT_EQ(Parse(kTwoParts.substr(0, closed)).error, "");
}

TEST(MultipartTest, HandsOnTheCallersBytesWithoutCopy) {
  const std::string large(1 << 20, 'x');
  for (const std::string& length : {std::string("Content-Length: 1048576\r\n"), std::string()}) {
    const std::string body = StrCat("--b\r\n", length, "\r\n", large, "\r\n--b--");
    Recorder recorder;
    MultipartParser parser("b", recorder);
    parser.Feed(std::as_bytes(std::span(body)));
    parser.Finish();
    ASSERT_EQ(recorder.pieces.size(), 1u);
    const char* piece = reinterpret_cast<const char*>(recorder.pieces[0].data());
    EXPECT_TRUE(piece >= body.data() && piece < body.data() + body.size());
  }
}

TEST(MultipartTest, SkipsPreambleAndEpilogue) {
  EXPECT_EQ(
      Contents("This is a message\r\n -- b\r\nof --b many\r\n--b\r\n\r\nx\r\n--b--\r\nbye\r\n--b\r\n\r\ny\r\n--b--"),
      Strings{"x"});
  EXPECT_EQ(Contents("\r\n--b\r\n\r\nx\r\n--b--"), Strings{"x"});
}

TEST(MultipartTest, TakesPaddingAfterTheBoundary) {
  EXPECT_EQ(Contents("--b \t \r\n\r\nx\r\n--b\t\r\n\r\ny\r\n--b--  \r\n"), (Strings{"x", "y"}));
}

TEST(MultipartTest, TakesLineFeedsAloneWhereTheServerUsesThem) {
  EXPECT_EQ(Contents("--b\nA: 1\n\nx\r\n--b\n\ny\n--b--\n"), (Strings{"x\r", "y"}));
  EXPECT_EQ(Contents("--b\nContent-Length: 1\n\nx\n--b--\n"), Strings{"x"});
}

TEST(MultipartTest, ALineFeedAloneIsContentWhereTheServerUsesBoth) {
  EXPECT_EQ(Contents("--b\r\n\r\nx\n--b\n\n\r\n--b--"), Strings{"x\n--b\n\n"});
}

TEST(MultipartTest, KeepsCarriageReturnsBeforeTheDelimiter) {
  EXPECT_EQ(Contents("--b\r\n\r\nx\r\r\r\n--b--"), Strings{"x\r\r"});
  EXPECT_EQ(Contents("--b\r\n\r\n\r\n\r\n\r\n--b--"), Strings{"\r\n\r\n"});
}

TEST(MultipartTest, UnfoldsHeaders) {
  const Outcome outcome = Parse("--b\r\nContent-Type: application/dicom;\r\n\ttransfer-syntax=1.2\r\n\r\n\r\n--b--");
  EXPECT_EQ(outcome.error, "");
  ASSERT_EQ(outcome.parts.size(), 1u);
  EXPECT_EQ(
      outcome.parts[0].headers,
      (std::vector<std::pair<std::string, std::string>>{{"content-type", "application/dicom; transfer-syntax=1.2"}}));
}

TEST(MultipartTest, TakesPartsWithoutHeadersOrContent) {
  EXPECT_EQ(Contents("--b\r\n\r\nx\r\n--b\r\n\r\n\r\n--b\r\n\r\n--b\r\nContent-Length: 0\r\n\r\n\r\n--b\r\n"
                     "Content-Length: 0\r\n\r\n--b--"),
            (Strings{"x", "", "", "", ""}));
}

TEST(MultipartTest, ContentMayBeginLikeADelimiter) {
  EXPECT_EQ(Contents("--b\r\n\r\n--a\r\n--b\r\n\r\n-\r\n--b\r\n\r\n-b\r\n--b--"), (Strings{"--a", "-", "-b"}));
}

TEST(MultipartTest, TakesZeroParts) {
  EXPECT_EQ(Contents("--b--"), Strings{});
  EXPECT_EQ(Contents("\r\n--b--\r\n"), Strings{});
}

TEST(MultipartTest, TakesBoundariesWithSpecialCharacters) {
  const std::string boundary = "uuid:1-2'()+_,./=? x";
  EXPECT_EQ(Contents(StrCat("--", boundary, "\r\n\r\nx\r\n--", boundary, "--"), boundary), Strings{"x"});
  const std::string dashes = "----=--";
  EXPECT_EQ(Contents(StrCat("--", dashes, "\r\n\r\n\r\n------=-\r\n--", dashes, "--"), dashes),
            Strings{"\r\n------=-"});
}

TEST(MultipartTest, LearnsTheBoundaryFromTheFirstLine) {
  EXPECT_EQ(Contents("--abc\r\n\r\nx\r\n--abc--", ""), Strings{"x"});
  EXPECT_EQ(Contents("\r\n--abc \n\nx\n--abc--", ""), Strings{"x"});
  EXPECT_THAT(ErrorOf("<html>\r\n", ""), HasSubstr("boundary"));
  EXPECT_THAT(ErrorOf("--\r\n", ""), HasSubstr("boundary"));
  EXPECT_THAT(ErrorOf("--abc--\r\n", ""), HasSubstr("cut off"));  // perhaps no parts, perhaps boundary "abc--"
  EXPECT_THAT(ErrorOf("", ""), HasSubstr("cut off"));
}

TEST(MultipartTest, RefusesALengthThatLies) {
  EXPECT_THAT(ErrorOf("--b\r\nContent-Length: 2\r\n\r\nxyz\r\n--b--"), HasSubstr("Content-Length"));
  EXPECT_THAT(ErrorOf("--b\r\nContent-Length: 4\r\n\r\nxyz\r\n--b--"), HasSubstr("Content-Length"));
  EXPECT_THAT(ErrorOf("--b\r\nContent-Length: 0\r\n\r\nxyz\r\n--b--"), HasSubstr("Content-Length"));
  EXPECT_THAT(ErrorOf("--b\r\nContent-Length: 1\r\n\r\n\r\n\r\n--b--"), HasSubstr("Content-Length"));
  EXPECT_THAT(ErrorOf("--b\r\nContent-Length: 18446744073709551615\r\n\r\nxyz\r\n--b--"), HasSubstr("cut off"));
}

TEST(MultipartTest, RefusesLengthsThatAreNone) {
  for (const std::string_view length : {"-1", "", "1 1", "0x1", "1e3", "18446744073709551616", "+1"}) {
    EXPECT_THAT(ErrorOf(StrCat("--b\r\nContent-Length: ", length, "\r\n\r\nx\r\n--b--")), HasSubstr("malformed"))
        << length;
  }
  EXPECT_THAT(ErrorOf("--b\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx\r\n--b--"), HasSubstr("malformed"));
  EXPECT_EQ(Contents("--b\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx\r\n--b--"), Strings{"x"});
}

TEST(MultipartTest, RefusesHostileHeaders) {
  using namespace std::string_view_literals;
  for (const std::string_view head :
       {"no colon\r\n"sv, ": no name\r\n"sv, " folded first\r\n"sv, "A: \0\r\n"sv, "A: x\ry\r\n"sv, "\x01: x\r\n"sv,
        "--b\r\n"sv, "Content-Transfer-Encoding: base64\r\n"sv}) {
    ErrorOf(StrCat("--b\r\n", head, "\r\nx\r\n--b--"));
  }
}

TEST(MultipartTest, TakesBinaryTransferEncodings) {
  EXPECT_EQ(Contents("--b\r\nContent-Transfer-Encoding: BINARY\r\n\r\nx\r\n--b--"), Strings{"x"});
}

TEST(MultipartTest, BoundsHeaderPreambleAndEpilogue) {
  const std::string much(100'000, 'x');
  EXPECT_THAT(ErrorOf(StrCat("--b\r\nA: ", much)), HasSubstr("64 KiB"));
  EXPECT_THAT(ErrorOf(StrCat(much, "\r\n--b--")), HasSubstr("64 KiB"));
  EXPECT_THAT(ErrorOf(much, ""), HasSubstr("64 KiB"));
  std::string lines = "--b\r\n";
  while (lines.size() < 100'000) {
    lines += "A: x\r\n";
  }
  EXPECT_THAT(ErrorOf(lines), HasSubstr("64 KiB"));
  std::string epilogue(2'000'000, 'x');
  EXPECT_THAT(ErrorOf("--b--" + epilogue), HasSubstr("closing delimiter"));
  EXPECT_THAT(ErrorOf(StrCat("--b", std::string(1000, ' '), "\r\n")), HasSubstr("delimiter"));
}

TEST(MultipartTest, RefusesLinesThatBeginLikeADelimiter) {
  for (const std::string_view tail : {"c\r\n", "-\r\n", "- -\r\n", "\r\r\n", " -\r\n", "\rx", ":x\r\n"}) {
    EXPECT_THAT(ErrorOf(StrCat("--b\r\n\r\nx\r\n--b", tail, "\r\n\r\n--b--")), HasSubstr("delimiter")) << tail;
  }
}

TEST(MultipartTest, RefusesMalformedBoundaries) {
  for (const std::string& boundary : {std::string("a\r\nb"), std::string("a\0b", 3), std::string(2000, 'b')}) {
    ErrorOf("", boundary);
  }
}

TEST(MultipartTest, StaysFailedAfterAnError) {
  Recorder recorder;
  MultipartParser parser("b", recorder);
  const std::string_view bad = "--b\r\nno colon\r\n";
  EXPECT_THROW(parser.Feed(std::as_bytes(std::span(bad))), Error);
  const std::string_view good = "--b--";
  EXPECT_THROW(parser.Feed(std::as_bytes(std::span(good))), Error);
  EXPECT_THROW(parser.Finish(), Error);
}

TEST(MultipartTest, PassesOnWhatTheSinkThrows) {
  class Full : public Recorder {
    void OnPartData(std::span<const std::byte>) override { throw Error(ErrorCode::kNoSpace, "full"); }
  } sink;
  MultipartParser parser("b", sink);
  try {
    parser.Feed(std::as_bytes(std::span(kTwoParts)));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNoSpace);
  }
  EXPECT_THROW(parser.Finish(), Error);
}

// The same grammar over the whole body at once, as plainly as possible. nullopt: malformed or cut off.
std::optional<Strings> ParseNaively(const std::string& body, const std::string& boundary) {
  const std::string text = "\n" + body;
  const std::string mark = "\n--" + boundary;
  Strings contents;
  size_t position = text.find(mark);
  std::string line_break;
  while (position != std::string::npos) {
    position += mark.size();
    if (text.compare(position, 2, "--") == 0) {
      return contents;
    }
    const size_t end = text.find('\n', position);
    if (end == std::string::npos) {
      return std::nullopt;
    }
    std::string tail = text.substr(position, end - position);
    if (line_break.empty()) {
      line_break = tail.ends_with('\r') ? "\r\n" : "\n";
    }
    if (tail.ends_with('\r')) {
      tail.pop_back();
    }
    if (tail.find_first_not_of(" \t") != std::string::npos) {
      return std::nullopt;
    }
    position = end + 1;
    std::optional<uint64_t> length;
    while (true) {
      const size_t line_end = text.find('\n', position);
      if (line_end == std::string::npos) {
        return std::nullopt;
      }
      std::string line = text.substr(position, line_end - position);
      position = line_end + 1;
      if (line.ends_with('\r')) {
        line.pop_back();
      }
      if (line.empty()) {
        break;
      }
      const size_t colon = line.find(':');
      if (colon == std::string::npos || colon == 0 || line.find('\r') != std::string::npos || line.front() == ' ') {
        return std::nullopt;
      }
      if (line.substr(0, colon) == "Content-Length") {
        const auto value = ParseUint(Trim(line.substr(colon + 1)));
        if (!value || (length && length != value)) {
          return std::nullopt;
        }
        length = value;
      }
    }
    const std::string delimiter = line_break + "--" + boundary;
    if (length.value_or(0) == 0 && text.compare(position, 2 + boundary.size(), "--" + boundary) == 0) {
      contents.push_back("");
      position -= 1;
      continue;
    }
    const size_t next = length ? position + *length : text.find(delimiter, position);
    if (next > text.size() || text.compare(next, delimiter.size(), delimiter) != 0) {
      return std::nullopt;
    }
    contents.push_back(text.substr(position, next - position));
    position = next + line_break.size() - 1;
  }
  return std::nullopt;
}

class Fuzzer {
 public:
  explicit Fuzzer(uint32_t seed) : random_(seed) {}

  size_t Below(size_t limit) { return std::uniform_int_distribution<size_t>(0, limit - 1)(random_); }

  // Rich in what a delimiter is made of.
  std::string Content() {
    static const Strings kPieces = {"\r",   "\n", "\r\n", "-",       "--", "\r\n--",
                                    "\n--", "b",  "bo",   "\r\n--b", "x",  "\r\n\r\n"};
    std::string content;
    for (size_t i = Below(12); i > 0; --i) {
      content += kPieces[Below(kPieces.size())];
    }
    return content;
  }

  std::string Body() {
    const std::string eol = Below(4) == 0 ? "\n" : "\r\n";
    std::string body = Below(3) == 0 ? Content() + eol : "";
    for (size_t i = Below(4); i > 0; --i) {
      const std::string content = Content();
      body += StrCat("--bob", Below(4) == 0 ? " \t" : "", eol);
      if (Below(2) == 0) {
        body += StrCat("Content-Length: ", content.size(), eol);
      }
      if (Below(2) == 0) {
        body += StrCat("A: b", eol);
      }
      body += StrCat(eol, content, eol);
    }
    return StrCat(body, "--bob--", Below(2) == 0 ? eol : "", Below(4) == 0 ? Content() : "");
  }

  std::string Mutate(std::string body) {
    for (size_t i = Below(3); i > 0 && !body.empty(); --i) {
      const size_t at = Below(body.size());
      switch (Below(3)) {
        case 0:
          body.erase(at, 1 + Below(3));
          break;
        case 1:
          body.insert(at, Content());
          break;
        default:
          body.resize(at);
      }
    }
    return body;
  }

 private:
  std::mt19937 random_;
};

TEST(MultipartTest, AgreesWithANaiveParserOnRandomBodies) {
  int good = 0;
  int bad = 0;
  for (uint32_t seed = 1; seed <= 20'000; ++seed) {
    Fuzzer fuzzer(seed);
    const std::string body = fuzzer.Mutate(fuzzer.Body());
    const auto expected = ParseNaively(body, "bob");
    const Outcome whole = Parse(body, "bob");
    const size_t limit = 1 + fuzzer.Below(9);
    const Outcome pieces = ParseInPieces(body, "bob", [&] { return 1 + fuzzer.Below(limit); });
    ASSERT_EQ(whole.error.empty(), expected.has_value()) << seed << testing::PrintToString(body) << whole.error;
    ASSERT_EQ(pieces.error, whole.error) << seed << testing::PrintToString(body);
    ASSERT_EQ(pieces.parts, whole.parts) << seed << testing::PrintToString(body);
    if (expected) {
      ASSERT_EQ(whole.Contents(), *expected) << seed << testing::PrintToString(body);
    }
    ++(expected ? good : bad);
  }
  EXPECT_GT(good, 2000);
  EXPECT_GT(bad, 2000);
}

}  // namespace
}  // namespace trolley
