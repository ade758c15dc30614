#include "mount/commands/get_wanted.h"

#include <algorithm>
#include <string>

#include "base/text.h"
#include "trolley/criteria.h"

namespace trolley {
namespace {

constexpr size_t kMaxLine = 4096;

std::optional<Uid> ParseUid(std::string_view text) {
  if (text.find_first_not_of("0123456789.") != std::string_view::npos || text.find('.') == std::string_view::npos) {
    return std::nullopt;
  }
  return Uid::Parse(text);
}

Query ByAccessionNumber(std::string_view number) {
  // A line means one exam: a typing error must not match many.
  if (number.find_first_of("*?\\") != std::string_view::npos) {
    throw Error(ErrorCode::kInvalidArgument,
                R"(an accession number has no "*", "?" or "\"; write AccessionNumber=... for a pattern)");
  }
  return Query(Level::kStudy).Where(tag::kAccessionNumber, number);
}

CohortLine ParseLine(size_t number, std::string_view text) {
  try {
    if (text.size() > kMaxLine) {
      throw Error(ErrorCode::kInvalidArgument, "it is too long");
    }
    if (LooksLikeCriteria(text)) {
      Query query(Level::kStudy);
      AddCriteria(text, query);
      return {number, query};
    }
    if (auto reference = ParseReference(text)) {
      return {number, *std::move(reference)};
    }
    return {number, ByAccessionNumber(text)};
  } catch (const Error& error) {
    return {number, error};
  }
}

}  // namespace

std::optional<Reference> ParseReference(std::string_view text) {
  std::vector<Uid> uids;
  for (const std::string_view part : Split(text, '/')) {
    const auto uid = ParseUid(part);
    if (!uid || uids.size() == 3) {
      return std::nullopt;
    }
    uids.push_back(*uid);
  }
  switch (uids.size()) {
    case 1:
      return StudyReference{uids[0]};
    case 2:
      return SeriesReference{uids[0], uids[1]};
    default:
      return InstanceReference{uids[0], uids[1], uids[2]};
  }
}

Wanted ParseWanted(const std::vector<std::string>& arguments) {
  if (arguments == std::vector<std::string>{"-"}) {
    return FromStandardInput();
  }
  const auto criteria = std::count_if(arguments.begin(), arguments.end(),
                                      [](const std::string& argument) { return LooksLikeCriteria(argument); });
  if (criteria == 0) {
    std::vector<Reference> references;
    for (const std::string& argument : arguments) {
      auto reference = ParseReference(argument);
      if (!reference) {
        throw Error(ErrorCode::kInvalidArgument, StrCat("'", argument,
                                                        "' is neither Keyword=value nor UIDs as STUDY, STUDY/SERIES or "
                                                        "STUDY/SERIES/INSTANCE"));
      }
      references.push_back(*std::move(reference));
    }
    return references;
  }
  if (criteria != static_cast<std::ptrdiff_t>(arguments.size())) {
    throw Error(ErrorCode::kInvalidArgument, "criteria, UIDs and - do not go together");
  }
  Query query(Level::kStudy);
  for (const std::string& argument : arguments) {
    AddCriteria(argument, query);
  }
  return query;
}

std::vector<CohortLine> ReadCohort(std::istream& in) {
  std::vector<CohortLine> lines;
  size_t number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    std::string_view text = line;
    if (number == 1 && text.starts_with("\xef\xbb\xbf")) {
      text.remove_prefix(3);  // the byte order mark of spreadsheets
    }
    text = Trim(text);
    if (!text.empty() && text[0] != '#') {
      lines.push_back(ParseLine(number, text));
    }
  }
  if (in.bad()) {
    throw Error(ErrorCode::kStorage, "Cannot read standard input");
  }
  return lines;
}

}  // namespace trolley
