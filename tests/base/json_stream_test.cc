#include "base/json_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "trolley/error.h"

namespace trolley {
namespace {

using testing::HasSubstr;
using testing::Not;

// The events, one word each.
class Recorder : public JsonEvents {
 public:
  void OnNull() override { log += "null "; }
  void OnBoolean(bool value) override { log += value ? "true " : "false "; }
  void OnNumber(std::string_view literal) override { log += StrCat(literal, " "); }
  void OnString(std::string_view text) override { log += StrCat("'", text, "' "); }
  void OnKey(std::string_view name) override { log += StrCat(name, ": "); }
  void OnBeginObject() override { log += "{ "; }
  void OnEndObject() override { log += "} "; }
  void OnBeginArray() override { log += "[ "; }
  void OnEndArray() override { log += "] "; }

  std::string log;
};

// "refused" and why, for what is no JSON.
std::string ReadInPieces(std::string_view json, size_t bytes_each) {
  Recorder recorder;
  try {
    JsonStream stream(recorder);
    for (size_t at = 0; at < json.size(); at += bytes_each) {
      stream.Read(std::string(json.substr(at, bytes_each)));  // nobody looks at an earlier piece
    }
    stream.Finish();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kProtocol);
    return StrCat("refused: ", error.what());
  }
  return recorder.log;
}

std::string ReadAll(std::string_view json) {
  std::string whole = ReadInPieces(json, json.size() + 1);
  for (const size_t bytes_each : {1u, 2u, 7u}) {
    const std::string pieces = ReadInPieces(json, bytes_each);
    EXPECT_EQ(pieces.starts_with("refused"), whole.starts_with("refused")) << json << " by " << bytes_each;
    if (!whole.starts_with("refused")) {
      EXPECT_EQ(pieces, whole) << json << " by " << bytes_each;
    }
  }
  return whole;
}

TEST(JsonStreamTest, TellsWhatItReads) {
  EXPECT_EQ(ReadAll(R"( {"a": [1, -2.5e+3, true,false , null, "x", {}, []], "b":{"c":""}}  )"),
            "{ a: [ 1 -2.5e+3 true false null 'x' { } [ ] ] b: { c: '' } } ");
  EXPECT_EQ(ReadAll("12"), "12 ");
  EXPECT_EQ(ReadAll("\"x\""), "'x' ");
  EXPECT_EQ(ReadAll(std::string_view("[]\0\0", 4)), "[ ] ");
}

TEST(JsonStreamTest, Unescapes) {
  EXPECT_EQ(ReadAll(R"(["\"\\\/\b\f\n\r\t","\u0041\u00e9\u20AC\uD83D\ude00","a\u0041b","é\n"])"),
            "[ '\"\\/\b\f\n\r\t' 'Aé€😀' 'aAb' 'é\n' ] ");
  EXPECT_EQ(ReadAll(R"({"\u0061\"b": 1})"), "{ a\"b: 1 } ");
}

TEST(JsonStreamTest, RefusesWhatIsNoJson) {
  for (const std::string_view json : {"",
                                      " ",
                                      "[",
                                      "]",
                                      "{",
                                      "}",
                                      "[}",
                                      "{]",
                                      "[1,]",
                                      "[,1]",
                                      "[1 2]",
                                      "{\"a\"}",
                                      "{\"a\":}",
                                      "{\"a\":1,}",
                                      "{1:2}",
                                      "{\"a\" 1}",
                                      "[]x",
                                      "[][]",
                                      "nul",
                                      "nulll",
                                      "True",
                                      "01",
                                      "-",
                                      "-a",
                                      "1.",
                                      ".5",
                                      "1e",
                                      "1e+",
                                      "+1",
                                      "1.5.5",
                                      "1e999",
                                      "-1e999",
                                      "0x1",
                                      "NaN",
                                      "\"a",
                                      "\"\n\"",
                                      "\"\\x\"",
                                      "\"\\u12g4\"",
                                      "\"\\ud800\"",
                                      "\"\\udc00\"",
                                      "\"\\ud800x\"",
                                      "\"\\ud800\\n\"",
                                      "\"\\ud800\\u0041\"",
                                      "\"\\ud800",
                                      "\"\xC3\"",
                                      "\"\xC3\\n\xA9\"",
                                      "\"\xED\xA0\x80\"",
                                      "'a'",
                                      "[\"a\":1]",
                                      "{\"a\":1:2}",
                                      "[1]]",
                                      ",",
                                      ":"}) {
    EXPECT_THAT(ReadAll(json), HasSubstr("malformed or cut off at byte")) << json;
  }
}

TEST(JsonStreamTest, SaysWhereButNotWhat) {
  const std::string refusal = ReadInPieces(R"(["Doe^Jane", !])", 4);
  EXPECT_THAT(refusal, HasSubstr("at byte 13"));
  EXPECT_THAT(refusal, Not(HasSubstr("Doe")));
}

TEST(JsonStreamTest, NumbersMayBeLongOrTiny) {
  EXPECT_EQ(ReadAll("123456789012345678901234567890"), "123456789012345678901234567890 ");
  EXPECT_EQ(ReadAll("1e-999"), "1e-999 ");
  EXPECT_EQ(ReadAll("0.0"), "0.0 ");
}

// Whether another parser takes it.
bool IsJson(const std::string& text) {
  return nlohmann::json::accept(text);
}

TEST(JsonStreamTest, TakesWhatAnotherParserTakes) {
  const std::string whole = R"({"a\u0041é":[1,-0.5e3,true,null,"x\n\ud83d\ude00ü",{"b":{}},[]],"c":"d", "e" : 12 })";
  const std::vector<std::string> pieces = {"{", "}", "[", "]", ":",  ",",    "\"", "\\", "null",
                                           "1", "-", ".", "e", "\n", "\\u0", "\t", "ü",  "\xFF"};
  std::mt19937 random(7);
  size_t accepted = 0;
  for (int round = 0; round < 30000; ++round) {
    std::string json = whole;
    for (size_t mutations = 1 + random() % 3; mutations > 0; --mutations) {
      const size_t at = random() % json.size();
      switch (random() % 4) {
        case 0:
          json[at] = static_cast<char>(1 + random() % 255);
          break;
        case 1:
          json.erase(at, 1 + random() % 5);
          break;
        case 2:
          json.insert(at, pieces[random() % pieces.size()]);
          break;
        default:
          json.insert(at, json.substr(random() % json.size(), random() % 20));
      }
      json += json.empty() ? "[" : "";
    }
    const bool taken = !ReadInPieces(json, 1 + random() % 40).starts_with("refused");
    ASSERT_EQ(taken, IsJson(json)) << json;
    accepted += taken ? 1 : 0;
  }
  EXPECT_GT(accepted, 1000u);
}

}  // namespace
}  // namespace trolley
