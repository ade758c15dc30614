#include "mount/commands/find_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <variant>

#include "base/text.h"
#include "mount/commands/command_line.h"
#include "trolley/error.h"

namespace trolley {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

FindOptions Parse(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "find");
  const Command command = ParseCommandLine("trolleyfs", arguments);
  if (const auto* printed = std::get_if<Printed>(&command)) {
    ADD_FAILURE() << printed->text;
    return FindOptions{};
  }
  return std::get<FindOptions>(command);
}

std::string Refusal(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "find");
  const Command command = ParseCommandLine("trolleyfs", arguments);
  const auto* printed = std::get_if<Printed>(&command);
  if (printed == nullptr) {
    return "accepted";
  }
  EXPECT_EQ(printed->exit_code, kExitUsage);
  EXPECT_THAT(printed->text, testing::StartsWith("trolleyfs: "));
  EXPECT_THAT(printed->text, HasSubstr("see trolleyfs find --help"));
  EXPECT_EQ(std::count(printed->text.begin(), printed->text.end(), '\n'), 1) << printed->text;
  return printed->text;
}

TEST(FindOptionsTest, TakesCriteriaAndOptions) {
  const FindOptions options =
      Parse({"hospital", "PatientName=B*", "StudyDate=20200301-,ModalitiesInStudy=CT", "--include",
             "PatientBirthDate,PatientSex", "--include", "00081090", "--limit", "7", "--offset=3", "--fuzzy",
             "--format", "csv", "--timeout", "5s", "--config", "c.toml", "--log-level", "debug"});
  EXPECT_EQ(options.archive, "hospital");
  EXPECT_EQ(options.query, Query(Level::kStudy)
                               .Where("PatientName", "B*")
                               .Where("StudyDate", "20200301-")
                               .Where("ModalitiesInStudy", "CT")
                               .Include("PatientBirthDate")
                               .Include("PatientSex")
                               .Include("ManufacturerModelName")
                               .SetFuzzy(true));
  EXPECT_EQ(options.level, Level::kStudy);
  EXPECT_EQ(options.limit, 7U);
  EXPECT_EQ(options.offset, 3U);
  EXPECT_EQ(options.format, FindFormat::kCsv);
  EXPECT_EQ(options.timeout, std::chrono::seconds(5));
  EXPECT_EQ(options.common.config, "c.toml");
  EXPECT_EQ(options.common.log_level, LogLevel::kDebug);
}

TEST(FindOptionsTest, TheLevelIsTheGivenOneOrWhatTheCriteriaNeed) {
  EXPECT_EQ(Parse({"a"}).level, Level::kStudy);
  EXPECT_EQ(Parse({"a", "Modality=CT"}).level, Level::kSeries);
  EXPECT_EQ(Parse({"a", "--level", "instance"}).level, Level::kInstance);
  const FindOptions options = Parse({"a", "Modality=CT", "--level", "study"});
  EXPECT_EQ(options.level, Level::kStudy);
  EXPECT_EQ(options.query.level(), Level::kSeries);
}

TEST(FindOptionsTest, RefusesWrongUsage) {
  EXPECT_THAT(Refusal({}), HasSubstr("ARCHIVE"));
  EXPECT_THAT(Refusal({"a", "PatientNmae=Doe"}), HasSubstr("did you mean 'PatientName'"));
  EXPECT_THAT(Refusal({"a", "StudyDate=2020-03-01"}), HasSubstr("not a DICOM date"));
  EXPECT_THAT(Refusal({"a", "Doe"}), HasSubstr("Keyword=value"));
  EXPECT_THAT(Refusal({"a", "--include", "Nonsense"}), HasSubstr("Nonsense"));
  EXPECT_THAT(Refusal({"a", "--level", "patient"}), HasSubstr("'patient'"));
  EXPECT_THAT(Refusal({"a", "--format", "xml"}), HasSubstr("'xml'"));
  EXPECT_THAT(Refusal({"a", "--limit", "0"}), HasSubstr("--limit"));
  EXPECT_THAT(Refusal({"a", "--limit", "x"}), HasSubstr("--limit"));
  EXPECT_THAT(Refusal({"a", "--limit", "99999999999"}), HasSubstr("--limit"));
  EXPECT_THAT(Refusal({"a", "--offset", "-1"}), HasSubstr("--offset"));
  EXPECT_THAT(Refusal({"a", "--timeout", "soon"}), HasSubstr("--timeout"));
  EXPECT_THAT(Refusal({"a", "--colour"}), HasSubstr("--colour"));
}

TEST(FindOptionsTest, RefusalsHidePatientData) {
  EXPECT_THAT(Refusal({"a", "--PatientName=Doe^John"}), Not(HasSubstr("Doe")));
  EXPECT_THAT(Refusal({"a", "PatientBirthDate=1970-01-01"}), Not(HasSubstr("1970")));
  EXPECT_THAT(Refusal({"a", "Doe^John"}), Not(HasSubstr("Doe")));
  EXPECT_THAT(Refusal({"a", "PatientID=1=2"}), Not(HasSubstr("1=2")));
}

Attributes Row(std::initializer_list<std::pair<Tag, std::string_view>> values) {
  Attributes row;
  for (const auto& [tag, value] : values) {
    row.Set(tag, value);
  }
  return row;
}

TEST(FindOutputTest, FlattensTheTree) {
  const Studies studies = {{Uid("1"),
                            {{tag::kPatientID, "7"}},
                            {{Uid("1.1"), {{tag::kModality, "CT"}}, {{Uid("1.1.1"), {}, {}}, {Uid("1.1.2"), {}, {}}}},
                             {Uid("1.2"), {}, {}}}}};
  EXPECT_EQ(FlatRows(studies, Level::kStudy).size(), 1U);
  EXPECT_EQ(FlatRows(studies, Level::kSeries).size(), 2U);
  const auto rows = FlatRows(studies, Level::kInstance);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[1], Row({{tag::kSOPInstanceUID, "1.1.2"},
                          {tag::kModality, "CT"},
                          {tag::kPatientID, "7"},
                          {tag::kStudyInstanceUID, "1"},
                          {tag::kSeriesInstanceUID, "1.1"}}));
}

TEST(FindOutputTest, ShowsWhatWasIncludedBeforeTheUids) {
  const auto columns = FindColumns(Level::kSeries, {tag::kPatientName, tag::kStudyInstanceUID, tag::kPatientBirthDate});
  EXPECT_EQ(std::count(columns.begin(), columns.end(), tag::kPatientName), 1);
  EXPECT_THAT(std::vector(columns.end() - 3, columns.end()),
              ElementsAre(tag::kPatientBirthDate, tag::kStudyInstanceUID, tag::kSeriesInstanceUID));
}

const std::vector<Tag> kColumns = {tag::kStudyDate, tag::kPatientName, tag::kModalitiesInStudy,
                                   tag::kNumberOfStudyRelatedSeries, tag::kStudyInstanceUID};

std::vector<Attributes> Rows() {
  return {Row({{tag::kStudyDate, "20200301"},
               {tag::kPatientName, "Müller^Jürgen"},
               {tag::kNumberOfStudyRelatedSeries, "12"},
               {tag::kStudyInstanceUID, "1.2.3"}}),
          Row({{tag::kStudyDate, ""}, {tag::kPatientName, "山田^太郎"}, {tag::kStudyInstanceUID, "1.2.4"}}),
          Row({{tag::kPatientName, "e\x1b[31mvil"}, {tag::kNumberOfStudyRelatedSeries, "3"}})};
}

TEST(FindOutputTest, AlignsATableByWhatIsSeen) {
  EXPECT_EQ(FormatTable(Rows(), kColumns, 0),
            "StudyDate   PatientName    Series  StudyInstanceUID\n"
            "2020-03-01  Müller^Jürgen      12  1.2.3\n"
            "            山田^太郎              1.2.4\n"
            "            e\uFFFD[31mvil           3\n");
}

TEST(FindOutputTest, CutsATableToTheTerminal) {
  EXPECT_EQ(FormatTable(Rows(), kColumns, 34),
            "StudyDate   PatientName   Series …\n"
            "2020-03-01  Müller^Jürg…      12 …\n"
            "            山田^太郎            …\n"
            "            e\uFFFD[31mvil          3\n");
}

TEST(FindOutputTest, NothingFoundIsAnEmptyTable) {
  EXPECT_EQ(FormatTable({}, {tag::kStudyDate, tag::kPatientName}, 0), "StudyDate  PatientName\n");
  EXPECT_EQ(FormatCsv({}, {tag::kStudyDate, tag::kPatientName}), "StudyDate,PatientName\r\n");
  EXPECT_EQ(FormatJson({}), "[]\n");
}

std::string CsvOf(std::string_view value) {
  const std::string csv = FormatCsv({Row({{tag::kStudyDescription, value}})}, {tag::kStudyDescription});
  return csv.substr(csv.find('\n') + 1);
}

TEST(FindOutputTest, WritesCsv) {
  EXPECT_EQ(CsvOf("plain"), "plain\r\n");
  EXPECT_EQ(CsvOf("Thorax, \"AP\""), "\"Thorax, \"\"AP\"\"\"\r\n");
  EXPECT_EQ(CsvOf("two\r\nlines"), "two  lines\r\n");
  EXPECT_EQ(CsvOf("a\x1b]0;b\x07"), "a\uFFFD]0;b\uFFFD\r\n");
  EXPECT_EQ(CsvOf("山田"), "山田\r\n");
}

TEST(FindOutputTest, CsvIsNoFormula) {
  EXPECT_EQ(CsvOf("=HYPERLINK(\"x\")"), "\"'=HYPERLINK(\"\"x\"\")\"\r\n");
  EXPECT_EQ(CsvOf("@SUM(1)"), "'@SUM(1)\r\n");
  EXPECT_EQ(CsvOf("-1+cmd|x"), "'-1+cmd|x\r\n");
  EXPECT_EQ(CsvOf("\t=1+1"), "' =1+1\r\n");
  EXPECT_EQ(CsvOf("-12.5"), "-12.5\r\n");
  EXPECT_EQ(CsvOf("+3"), "+3\r\n");
}

TEST(FindOutputTest, WritesJson) {
  EXPECT_EQ(FormatJson({Row({{tag::kStudyDate, "20200301"},
                             {tag::kModalitiesInStudy, "CT\\SR"},
                             {tag::kAccessionNumber, ""},
                             {tag::kPatientName, "Müller^\"J\""},
                             {tag::kNumberOfStudyRelatedSeries, " 12 "},
                             {Tag{0x00180050}, "1.50\\+2"},
                             {Tag{0x00091001}, "private"}})}),
            "[\n  {\"StudyDate\": \"20200301\", \"AccessionNumber\": null, \"ModalitiesInStudy\": [\"CT\", \"SR\"], "
            "\"00091001\": \"private\", \"PatientName\": \"Müller^\\\"J\\\"\", \"SliceThickness\": [1.5, 2], "
            "\"NumberOfStudyRelatedSeries\": 12}\n]\n");
}

TEST(FindOutputTest, JsonEscapesWhatATerminalWouldObey) {
  const std::string json = FormatJson({Row({{tag::kStudyDescription, "a\x1b[2J\u202E\u009b\U000E0041\nb"}})});
  EXPECT_THAT(json, HasSubstr("\"a\\u001b[2J\\u202e\\u009b\\udb40\\udc41\\nb\""));
}

TEST(FindOutputTest, JsonNumbersAreNumbers) {
  for (const char* value : {"inf", "nan", "0x10", "1,5", "1e999"}) {
    const std::string json = FormatJson({Row({{Tag{0x00180050}, value}})});
    EXPECT_THAT(json, HasSubstr(std::string("\"SliceThickness\": \"") + value + "\"")) << value;
  }
}

class ListSearcher : public Searcher {
 public:
  SearchResult Find(const Query& query, const Context&) override {
    asked = query;
    Studies studies;
    for (size_t i = 1; i <= query.limit().value_or(5); ++i) {
      studies.push_back({Uid(StrCat("1.", i)), {}, {{Uid(StrCat("2.", i)), {}, {}}}});
    }
    return std::make_shared<const Studies>(std::move(studies));
  }
  Query asked;
};

TEST(FindRowsTest, RequestsOneMoreThanTheLimit) {
  ListSearcher searcher;
  FindOptions options;
  options.limit = 3;
  options.offset = 4;
  const FoundRows found = FindRows(searcher, options, {tag::kPatientName}, {});
  EXPECT_EQ(found.rows.size(), 3U);
  EXPECT_TRUE(found.cut);
  EXPECT_EQ(searcher.asked, Query().Include("PatientName").SetLimit(4).SetOffset(4));
}

TEST(FindRowsTest, CountsItselfWhenTheQueryIsDeeper) {
  ListSearcher searcher;
  FindOptions options;
  options.query.SetLevel(Level::kSeries);
  options.limit = 3;
  options.offset = 4;
  const FoundRows found = FindRows(searcher, options, {}, {});
  EXPECT_EQ(found.rows.size(), 1U);
  EXPECT_EQ(found.rows.front().Get(tag::kStudyInstanceUID), "1.5");
  EXPECT_FALSE(found.cut);
  EXPECT_FALSE(searcher.asked.limit());
}

}  // namespace
}  // namespace trolley
