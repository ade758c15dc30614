#include "dicom/dicom_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/text.h"
#include "trolley/error.h"

namespace trolley {
namespace {

using testing::HasSubstr;
using testing::Not;

// What one attribute's JSON is read as; "absent" when it is left out.
std::string ReadAttribute(const std::string& tag, const std::string& json) {
  const auto rows = ParseDicomJson("[{\"" + tag + "\": " + json + "}]");
  EXPECT_EQ(rows.size(), 1u);
  const Tag parsed = ParseTagHex(tag).value();
  return rows.at(0).Has(parsed) ? std::string(rows[0].Get(parsed)) : "absent";
}

std::string Refusal(std::string_view json) {
  try {
    const auto rows = ParseDicomJson(json);
    return StrCat("accepted with ", rows.size(), " rows");
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kProtocol);
    EXPECT_THAT(e.what(), testing::StartsWith("Cannot read DICOM JSON: "));
    return e.what();
  }
}

struct Case {
  const char* tag;
  std::string json;
  std::string text;
};

class AttributeTest : public testing::TestWithParam<Case> {};

TEST_P(AttributeTest, IsReadAs) {
  const Case& c = GetParam();
  EXPECT_EQ(ReadAttribute(c.tag, c.json), c.text) << c.json;
}

INSTANTIATE_TEST_SUITE_P(
    AsTheStandardHasIt, AttributeTest,
    testing::Values(
        Case{"00080020", R"({"vr":"DA","Value":["20200301"]})", "20200301"},
        Case{"00080061", R"({"vr":"CS","Value":["CT","SR"]})", "CT\\SR"},
        Case{"00080061", R"({"vr":"CS","Value":["CT",null,"SR"]})", "CT\\\\SR"},
        Case{"00100010", R"({"vr":"PN","Value":[{"Alphabetic":"Doe^Jane"}]})", "Doe^Jane"},
        Case{"00100010", R"({"vr":"PN","Value":[{"Phonetic":"c","Ideographic":"b","Alphabetic":"a"}]})", "a=b=c"},
        Case{"00100010", R"({"vr":"PN","Value":[{"Ideographic":"b"}]})", "=b"},
        Case{"00100010", R"({"vr":"PN","Value":[{"Alphabetic":"a","Phonetic":"c"}]})", "a==c"},
        Case{"00100010", R"({"vr":"PN","Value":[{"Alphabetic":"a","Ideographic":"","Phonetic":""}]})", "a"},
        Case{"00101001", R"({"vr":"PN","Value":[{"Alphabetic":"a"},{"Alphabetic":"b","Ideographic":"c"}]})", "a\\b=c"},
        Case{"00200011", R"({"vr":"IS","Value":[3]})", "3"}, Case{"00200011", R"({"vr":"IS","Value":[-3]})", "-3"},
        Case{"00280030", R"({"vr":"DS","Value":[0.5,0.25]})", "0.5\\0.25"},
        Case{"00280010", R"({"vr":"US","Value":[512]})", "512"},
        Case{"00200013", R"({"vr":"IS","Value":[18446744073709551615]})", "18446744073709551615"},
        Case{"00200013", R"({"vr":"IS","Value":[123456789012345678901234]})", "123456789012345678901234"},
        Case{"00200013", R"({"vr":"IS","Value":[-9223372036854775808]})", "-9223372036854775808"},
        Case{"00180050", R"({"vr":"DS","Value":[0.1]})", "0.1"},
        Case{"00180050", R"({"vr":"DS","Value":[2.50]})", "2.5"}, Case{"00180050", R"({"vr":"DS","Value":[3.0]})", "3"},
        Case{"00180050", R"({"vr":"DS","Value":[0.30000000000000004]})", "0.30000000000000004"},
        Case{"00180050", R"({"vr":"DS","Value":[-1.5e-7]})", "-1.5e-07"}, Case{"00080020", R"({"vr":"DA"})", ""},
        Case{"00080020", R"({"vr":"DA","Value":[]})", ""},
        Case{"00081030", R"({"vr":"LO","Value":["\u00fc \ud83d\ude00"]})", "\xC3\xBC \xF0\x9F\x98\x80"},
        Case{"00400275", R"({"vr":"SQ","Value":[{"00400009":{"vr":"SH","Value":["x"]}}]})", "absent"},
        Case{"00400275", R"({"vr":"SQ","Value":[{}]})", "absent"}, Case{"00400275", R"({"vr":"SQ"})", "absent"},
        Case{"7FE00010", R"({"vr":"OW","BulkDataURI":"http://x/"})", "absent"},
        Case{"00091001", R"({"vr":"UN","InlineBinary":"AAAA"})", "absent"},
        Case{"00091001", R"({"vr":"LO","Value":["private"]})", "private"},
        Case{"00281101", R"({"vr":"US","Value":[256,0,16]})", "256\\0\\16"}));

INSTANTIATE_TEST_SUITE_P(
    AsServersSendIt, AttributeTest,
    testing::Values(
        Case{"00200011", R"({"vr":"IS","Value":["3"]})", "3"}, Case{"00200011", R"({"vr":"IS","Value":[" 3 "]})", "3"},
        Case{"00100020", R"({"vr":"LO","Value":[4711]})", "4711"},
        Case{"00080020", R"({"vr":"DA","Value":[20200301]})", "20200301"},
        Case{"00100010", R"({"vr":"PN","Value":["Doe^Jane"]})", "Doe^Jane"},
        Case{"00100010", R"({"vr":"PN","Value":["Doe^Jane=b"]})", "Doe^Jane=b"},
        Case{"00100010", R"({"vr":"PN","Value":"Doe^Jane"})", "Doe^Jane"},
        Case{"00100010", R"({"vr":"PN","Value":{"Alphabetic":"Doe^Jane"}})", "Doe^Jane"},
        Case{"00100010", R"({"Value":{"Alphabetic":"Doe^Jane"},"vr":"PN"})", "Doe^Jane"},
        Case{"00100010", R"({"vr":"PN","Value":[{"Alphabetic":" Doe^Jane "}]})", "Doe^Jane"},
        Case{"00100010", R"({"vr":"PN","Value":[{}]})", ""}, Case{"00100010", R"({"vr":"PN","Value":[null]})", ""},
        Case{"00100010", R"({"vr":"PN","Value":[{"Alphabetic":null}]})", ""},
        Case{"00100010", R"({"vr":"PN","Value":[{"Alphabetic":4711}]})", "4711"}, Case{"00080020", "null", ""},
        Case{"00080020", R"({"vr":"DA","Value":null})", ""}, Case{"00080020", "{}", ""},
        Case{"00080020", R"({"Value":["20200301"]})", "20200301"},
        Case{"00080020", R"({"Value":["20200301 "],"vr":"DA"})", "20200301"},
        Case{"00080020", R"({"vr":"DA","Value":"20200301"})", "20200301"},
        Case{"0020000d", R"({"vr":"UI","Value":["1.2.3\u0000"]})", "1.2.3"},
        Case{"00080020", R"({"vr":"DA","Value":["20200301"],"Extra":{"a":[1,{"b":2}]},"More":[[]]})", "20200301"},
        Case{"00104000", R"({"vr":"LT","Value":["  text  "]})", "  text"},
        Case{"00104000", R"({"Value":["  text  "],"vr":"LT"})", "  text"},
        Case{"00081030", R"({"vr":"LO","Value":["  text  "]})", "text"},
        Case{"00081030", R"({"vr":"LO","Value":["a\\b"]})", "a\\b"},
        Case{"00091001", R"({"vr":"UN","Value":[{"00080020":{"vr":"DA"}}]})", "absent"},
        Case{"00400275", R"({"Value":[{"00080020":{"vr":"DA"}}]})", "absent"},
        Case{"00080020", R"({"vr":"UN","Value":["20200301 "]})", "20200301"},
        Case{"00080020", R"({"vr":7,"Value":["20200301"]})", "20200301"},
        Case{"00080020", R"({"vr":"DATE","Value":["20200301 "]})", "20200301"},
        Case{"00081030", R"({"vr":"LO","Value":[true]})", "true"},
        Case{"00081030", R"({"vr":"LO","Value":[["nested"],"a"]})", "a"},
        Case{"00081030", R"({"vr":"LO","Value":[")" + std::string(65536, 'x') + R"("]})", std::string(65536, 'x')},
        Case{"00081030", R"({"vr":"LO","Value":[")" + std::string(65537, 'x') + R"("]})", "absent"},
        Case{"00081030", R"({"vr":"LO","Value":[")" + std::string(65530, 'x') + R"(","123456"]})", "absent"}));

TEST(DicomJsonTest, ReadsRowsInOrder) {
  const auto rows = ParseDicomJson(R"([
    {"0020000D": {"vr": "UI", "Value": ["1.1"]}, "00080020": {"vr": "DA", "Value": ["20200301"]}},
    {},
    {"0020000D": {"vr": "UI", "Value": ["1.2"]}}
  ])");
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0], (Attributes{{tag::kStudyDate, "20200301"}, {tag::kStudyInstanceUID, "1.1"}}));
  EXPECT_TRUE(rows[1].empty());
  EXPECT_EQ(rows[2].Get(tag::kStudyInstanceUID), "1.2");
}

TEST(DicomJsonTest, NothingIsNoRows) {
  for (const char* json : {"", " \r\n\t ", "[]", " [ ] ", "\xEF\xBB\xBF[]", "\xEF\xBB\xBF"}) {
    EXPECT_TRUE(ParseDicomJson(json).empty()) << testing::PrintToString(json);
  }
}

TEST(DicomJsonTest, ASingleDataSetNeedsNoArray) {
  const auto rows = ParseDicomJson(R"({"0020000D": {"vr": "UI", "Value": ["1.1"]}})");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].Get(tag::kStudyInstanceUID), "1.1");
}

TEST(DicomJsonTest, UnknownMembersBesideTagsArePassedOver) {
  const auto rows = ParseDicomJson(
      R"([{"_id": "x", "StudyDate": {"vr": "DA", "Value": ["19000101"]}, "a": [1, [2]], "b": {"00080020": {"vr": "DA"}},
           "0020000D": {"vr": "UI", "Value": ["1.1"]}, "c": null, "d": 1.5}])");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0], (Attributes{{tag::kStudyInstanceUID, "1.1"}}));
}

TEST(DicomJsonTest, TheLastOfDuplicatesCounts) {
  const auto rows = ParseDicomJson(
      R"([{"00080020": {"vr": "DA", "Value": ["20200301"]}, "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
           "00080020": {"vr": "DA", "Value": ["20200302"]}, "00080020": null,
           "00100020": {"vr": "LO", "Value": ["1"], "Value": ["2"], "vr": "LO"},
           "00080020": {"vr": "DA", "Value": ["20200303"]}}])");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].Get(tag::kStudyDate), "20200303");
  EXPECT_EQ(rows[0].Get(tag::kSpecificCharacterSet), "ISO_IR 192");
  EXPECT_EQ(rows[0].Get(tag::kPatientID), "1\\2");
}

TEST(DicomJsonTest, RefusesWhatIsNoAnswer) {
  const std::string whole = R"([{"00080020": {"vr": "DA", "Value": ["20200301"]}}])";
  for (const std::string& json :
       std::vector<std::string>{"<html><body>Login</body></html>",
                                "not json",
                                "\"text\"",
                                "42",
                                "null",
                                "true",
                                "[1]",
                                "[null]",
                                "[\"x\"]",
                                "[[]]",
                                "[[{}]]",
                                "[{}",
                                "[{},]",
                                "{",
                                "[",
                                "]",
                                whole + "x",
                                whole + whole,
                                "[{} {}]",
                                "\xFF\xFE[\0]\0",
                                R"([{"00080020": "20200301"}])",
                                R"([{"00080020": ["20200301"]}])",
                                R"([{"00080020": 20200301}])",
                                "[{\"00081030\": {\"vr\": \"LO\", \"Value\": [\"M\xFCller\"]}}]",
                                R"([{"00081030":{"Value":["\ud800"]}}])",
                                R"([{"00180050": {"vr": "DS", "Value": [1e999]}}])",
                                R"([{"00180050": {"vr": "DS", "Value": [NaN]}}])",
                                "[{\"00081030\": {\"vr\": \"LO\", \"Value\": [\"a\nb\"]}}]"}) {
    EXPECT_THAT(Refusal(json), Not(testing::StartsWith("accepted"))) << json;
  }
}

TEST(DicomJsonTest, RefusesACutAnswerWhereverItIsCut) {
  const std::string whole =
      R"([{"00080020": {"vr": "DA", "Value": ["20200301"]}, "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe^Jane"}]}}])";
  ASSERT_EQ(ParseDicomJson(whole).size(), 1u);
  for (size_t length = 1; length < whole.size(); ++length) {
    const std::string refusal = Refusal(std::string_view(whole).substr(0, length));
    EXPECT_THAT(refusal, HasSubstr("malformed or cut off at byte")) << length;
    EXPECT_THAT(refusal, Not(HasSubstr("Doe"))) << length;
  }
}

TEST(DicomJsonTest, ReadsAnAnswerInPieces) {
  for (const std::string before : {"", " \r\n\t ", "\xEF\xBB\xBF", "\xEF\xBB\xBF\n"}) {
    for (
        const std::string json :
        {R"([{"00080020":{"vr":"DA","Value":["20200301"]}},{"00100010":{"Value":[{"Alphabetic":"M\u00fcller^J\"x"}]}}])",
         R"({"00080020":{"vr":"DA"}})", "[]", ""}) {
      const std::string whole = before + json + " \n";
      const auto expected = ParseDicomJson(whole);
      for (const size_t bytes_each : {1u, 2u, 3u, 7u}) {
        std::vector<Attributes> rows;
        DicomJsonReader reader([&](Attributes row) { rows.push_back(std::move(row)); });
        for (size_t at = 0; at < whole.size(); at += bytes_each) {
          reader.Read(whole.substr(at, bytes_each));
        }
        reader.Finish();
        EXPECT_EQ(rows, expected) << whole << " by " << bytes_each;
      }
    }
  }
}

TEST(DicomJsonTest, TellsOfDataSetsBeforeTheAnswerEnds) {
  size_t rows = 0;
  DicomJsonReader reader([&](const Attributes&) { ++rows; });
  reader.Read(R"([{"00080020":{"vr":"DA"}},{)");
  EXPECT_EQ(rows, 1u);
  EXPECT_THROW(reader.Finish(), Error);
}

TEST(DicomJsonTest, RefusesErrorObjectsWithTheirText) {
  EXPECT_EQ(
      Refusal(R"({"HttpError": "Bad Request", "HttpStatus": 400, "Message": "Unknown tag\n\u00fc"})"),
      "Cannot read DICOM JSON: an object without DICOM attributes: HttpError: Bad Request, HttpStatus: 400, Message: "
      "Unknown tag???");
  EXPECT_THAT(Refusal(R"([{"error": "no such study"}])"), HasSubstr("error: no such study"));
  EXPECT_THAT(Refusal(R"({"error": {"code": 3}})"), HasSubstr("without DICOM attributes"));
  EXPECT_LT(Refusal("{\"error\": \"" + std::string(100000, 'x') + "\"}").size(), 1000u);
  EXPECT_THAT(Refusal("<html>\r\n<title>Login\xFC</title>"),
              HasSubstr("it begins with: <html>?\?<title>Login?</title>"));
}

std::string Nested(size_t levels) {
  std::string json = "[{\"00400275\": {\"vr\": \"SQ\", \"Value\": ";
  json += std::string(levels, '[') + std::string(levels, ']') + "}}]";
  return json;
}

TEST(DicomJsonTest, RefusesDeepNesting) {
  EXPECT_EQ(ParseDicomJson(Nested(61)).size(), 1u);
  EXPECT_THAT(Refusal(Nested(62)), HasSubstr("nested deeper than 64 levels"));
  EXPECT_THAT(Refusal(std::string(1000000, '[')), HasSubstr("an array stands where a data set should"));
  EXPECT_THAT(Refusal("[{\"a\": " + std::string(1000000, '[')), HasSubstr("nested deeper"));
}

TEST(DicomJsonTest, RefusesTooManyDataSets) {
  std::string json = "[{}";
  for (int i = 0; i < 2'000'000; ++i) {
    json += ",{}";
  }
  json += "]";
  try {
    ParseDicomJson(json);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kTooMany);
  }
}

TEST(DicomJsonTest, ManyAttributesOutOfOrderAreQuick) {
  // Quadratic work on a hostile answer would take minutes.
  std::string json = "[{";
  for (uint32_t i = 200000; i > 0; --i) {
    json += "\"" + TagHex(Tag{i}) + "\":null,\"" + TagHex(Tag{0xFFFFFFFF}) + "\":null,";
  }
  json += "\"00080020\":null}]";
  const auto rows = ParseDicomJson(json);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].Serialize().size(), 8u * 200002);
}

TEST(DicomJsonTest, ReadsALargeAnswerWhole) {
  std::string json = "[";
  for (int i = 0; i < 20000; ++i) {
    json += StrCat(i == 0 ? "" : ",", R"({"00080018":{"vr":"UI","Value":["1.2.3.)", i,
                   R"("]},"00200013":{"vr":"IS","Value":[)", i,
                   R"(]},"00081190":{"vr":"UR","Value":["http://pacs/studies/1/series/2/instances/)", i, R"("]}})");
  }
  json += "]";
  const auto rows = ParseDicomJson(json);
  ASSERT_EQ(rows.size(), 20000u);
  for (size_t i = 0; i < rows.size(); ++i) {
    ASSERT_EQ(rows[i].Number(tag::kInstanceNumber), static_cast<int64_t>(i));
    ASSERT_EQ(rows[i].Get(tag::kSOPInstanceUID), StrCat("1.2.3.", i));
  }
}

TEST(DicomJsonTest, SurvivesMutatedAnswers) {
  const std::string whole =
      R"([{"00080005":{"vr":"CS","Value":["ISO_IR 192"]},"00080020":{"vr":"DA","Value":["20200301"]},)"
      R"("00100010":{"vr":"PN","Value":[{"Alphabetic":"Doe^Jane","Ideographic":"b"}]},"00280010":{"vr":"US","Value":[512]},)"
      R"("00180050":{"vr":"DS","Value":[1.5e0,-2]},"00400275":{"vr":"SQ","Value":[{"00400009":{"vr":"SH"}}]},)"
      R"("00091001":{"vr":"UN","InlineBinary":"AAAA"},"x":null},{}])";
  const std::vector<std::string> pieces = {"{",    "}", "[",      "]",         ":",  ",",  "\"",  "\\",
                                           "null", "1", "\"vr\"", "\"Value\"", "{}", "[]", "\xFF"};
  std::mt19937 random(4);
  size_t accepted = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string json = whole;
    for (size_t mutations = 1 + random() % 4; mutations > 0; --mutations) {
      const size_t at = random() % json.size();
      switch (random() % 4) {
        case 0:
          json[at] = static_cast<char>(random());
          break;
        case 1:
          json.erase(at, random() % 20);
          break;
        case 2:
          json.insert(at, pieces[random() % pieces.size()]);
          break;
        default:
          json.insert(at, json.substr(random() % json.size(), random() % 40));
      }
      json += json.empty() ? "[" : "";
    }
    try {
      for (const Attributes& row : ParseDicomJson(json)) {
        ASSERT_EQ(Attributes::Parse(row.Serialize()), row) << json;
      }
      ++accepted;
    } catch (const Error& e) {
      ASSERT_EQ(e.code(), ErrorCode::kProtocol) << json;
    }
  }
  EXPECT_GT(accepted, 100u);
}

}  // namespace
}  // namespace trolley
