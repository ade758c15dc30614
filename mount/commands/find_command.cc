// `trolleyfs find`: one query to the archive, without the cache of search results that a mount uses.
#include "mount/commands/find_command.h"

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <utility>

#include "base/text.h"
#include "mount/commands/exit_codes.h"
#include "mount/commands/interruption.h"
#include "mount/commands/open_archive.h"
#include "mount/commands/readiness.h"
#include "mount/commands/terminal_text.h"
#include "trolley/criteria.h"
#include "trolley/error.h"

namespace trolley {
namespace {

constexpr char kFindFooter[] = R"(
Criteria are Keyword=value with DICOM keywords and DICOM matching; all of them must hold:
  PatientName='B*'  StudyDate=20200301-20200303  StudyDate='last 30 days'  ModalitiesInStudy=CT  StudyInstanceUID=1.2.3
Dates: 20200301, ranges with one end open (20200301-), 'today', 'yesterday', 'last 7 days' (weeks, months). Several
criteria may stand in one argument with commas between them; in a value write "," as %2C, "=" as %3D, "%" as %25.
Without criteria everything is listed.

Formats:
  table  for people: cut to the width of the terminal, if it is one; columns that nothing fills are left out
  json   an array of objects {"PatientName": "Doe^Jane", "SeriesNumber": 3, ...}: everything that the archive returned. Numbers
         for numeric attributes, else the text as DICOM has it; an array for several values; null for an empty one
  csv    RFC 4180, with a line of keywords first. A text that a spreadsheet would take for a formula begins with '
Texts are UTF-8; control characters are replaced (in json: escaped).

The archive itself is searched, not the cache of a mount. Standard error says when --limit leaves rows out.
Exit codes: 0 searched (even if nothing matches), 1 failed, 2 wrong usage.)";

struct RawFindOptions {
  std::vector<std::string> criteria;
  std::vector<std::string> include;
  std::string level;
  std::string format = "table";
  bool fuzzy = false;
};

Level ParseLevel(const std::string& name) {
  for (const Level level : {Level::kStudy, Level::kSeries, Level::kInstance}) {
    if (EqualsIgnoreCase(name, LevelName(level))) {
      return level;
    }
  }
  RefuseUsage(StrCat("--level: '", name, "' is none of study, series, instance"));
}

FindFormat ParseFormat(const std::string& name) {
  if (name == "table") {
    return FindFormat::kTable;
  }
  if (name == "json") {
    return FindFormat::kJson;
  }
  if (name == "csv") {
    return FindFormat::kCsv;
  }
  RefuseUsage(StrCat("--format: '", name, "' is none of table, json, csv"));
}

// From `least` to the largest number that a query can have.
uint32_t ParseCount(const char* option, const std::string& text, uint32_t least) {
  const auto count = ParseUint(text);
  if (!count || *count < least || *count >= std::numeric_limits<uint32_t>::max()) {
    RefuseUsage(StrCat(option, ": '", text, "' is not a number of rows"));
  }
  return static_cast<uint32_t>(*count);
}

void ParseQuery(const RawFindOptions& raw, FindOptions& options) {
  Query query(raw.level.empty() ? Level::kStudy : ParseLevel(raw.level));
  options.level = query.level();
  for (const std::string& criteria : raw.criteria) {
    AddCriteria(criteria, query);
  }
  for (const std::string& keywords : raw.include) {
    for (const std::string_view keyword : Split(keywords, ',')) {
      query.Include(keyword);
    }
  }
  if (raw.level.empty()) {
    options.level = query.level();
  }
  options.query = query.SetFuzzy(raw.fuzzy);
  options.format = ParseFormat(raw.format);
}

std::string Format(const FindOptions& options, const FoundRows& found, const std::vector<Tag>& columns) {
  switch (options.format) {
    case FindFormat::kJson:
      return FormatJson(found.rows);
    case FindFormat::kCsv:
      return FormatCsv(found.rows, columns);
    case FindFormat::kTable:
      break;
  }
  return FormatTable(found.rows, columns, TerminalWidth());
}

void Print(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    throw Error(ErrorCode::kStorage, StrCat("Cannot write the result: ", std::strerror(errno)));
  }
}

void Find(const FindOptions& options, std::stop_token stop) {
  const ArchiveConfig config = ChooseArchive(options.archive, options.common);
  const Clients clients = OpenClients(config);
  const std::vector<Tag> columns = FindColumns(options.level, options.query.include_fields());
  const Context context = Context::WithTimeout(options.timeout.value_or(QueryTimeout(config)), std::move(stop));
  const FoundRows found = FindRows(*clients.searcher, options, columns, context);
  Print(Format(options, found, columns));
  if (found.cut) {
    PrintFailure(StrCat("--limit left some out: there are more than ", *options.limit, " (--offset ",
                        uint64_t{options.offset} + *options.limit, " shows what follows)"));
  }
}

}  // namespace

void DescribeFind(CLI::App& app, FindOptions& options) {
  const auto raw = std::make_shared<RawFindOptions>();
  app.footer(StrCat(kArchiveHelp, "\n", kFindFooter));
  app.add_option("ARCHIVE", options.archive, "The archive to search")->type_name(" ")->required();
  app.add_option("CRITERIA", raw->criteria, "Keyword=value, any number of them")->type_name(" ");
  app.add_option("--level", raw->level,
                 "What to list: study (default), series or instance; criteria of a deeper level list that one")
      ->type_name("LEVEL");
  app.add_option("--include", raw->include, "Attributes to show besides the usual ones, by keyword")
      ->type_name("KEYWORD[,KEYWORD]")
      ->allow_extra_args(false);
  app.add_option("--format", raw->format, "table (default), json or csv")->type_name("FORMAT");
  app.add_option_function<std::string>(
         "--limit", [&options](const std::string& text) { options.limit = ParseCount("--limit", text, 1); },
         "Show at most N rows")
      ->type_name("N");
  app.add_option_function<std::string>(
         "--offset", [&options](const std::string& text) { options.offset = ParseCount("--offset", text, 0); },
         "Leave out the first N rows")
      ->type_name("N");
  app.add_flag("--fuzzy", raw->fuzzy, "Let the archive match names that sound alike, if it can");
  DescribeTimeout(app, options.timeout);
  DescribeCommonOptions(app, options.common);
  DescribeCacheDirectory(app, options.common);
  app.callback([raw, &options] { ParseQuery(*raw, options); });
}

FoundRows FindRows(Searcher& searcher, const FindOptions& options, const std::vector<Tag>& columns,
                   const Context& context) {
  Query query = options.query;
  for (const Tag tag : columns) {
    query.Include(tag);  // archives return few attributes unless requested
  }
  // When the criteria need a query deeper than the rows that are shown, the archive would count other rows.
  const bool archive_counts = query.level() == options.level;
  if (archive_counts && options.limit) {
    query.SetLimit(*options.limit + 1);
  }
  if (archive_counts && options.offset > 0) {
    query.SetOffset(options.offset);
  }
  FoundRows found{FlatRows(*searcher.Find(query, context), options.level)};
  if (!archive_counts) {
    const size_t left_out = std::min<size_t>(options.offset, found.rows.size());
    found.rows.erase(found.rows.begin(), found.rows.begin() + static_cast<std::ptrdiff_t>(left_out));
  }
  if (options.limit && found.rows.size() > *options.limit) {
    found.cut = true;
    found.rows.resize(*options.limit);
  }
  return found;
}

int RunFind(const FindOptions& options) {
  Interruption interruption;
  try {
    ConfigureCommandLog(options.common);
    Find(options, interruption.token());
    return kExitOk;
  } catch (const std::exception& e) {
    interruption.EndBySignal();
    PrintFailure(e.what());
    return kExitFailure;
  }
}

}  // namespace trolley
