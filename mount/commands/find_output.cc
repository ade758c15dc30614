// Formats search results. All text comes from an archive: none of it may control a terminal or a spreadsheet.
#include "mount/commands/find_output.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <string_view>

#include "base/text.h"
#include "mount/commands/terminal_text.h"

namespace trolley {
namespace {

constexpr size_t kLeastTextWidth = 12;

bool IsOneOf(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool IsIntegerVr(std::string_view vr) {
  return IsOneOf(vr, {"IS", "US", "SS", "UL", "SL", "UV", "SV"});
}

bool IsNumericVr(std::string_view vr) {
  return IsIntegerVr(vr) || IsOneOf(vr, {"DS", "FL", "FD"});
}

std::string KeywordOrHex(Tag tag) {
  const std::string name = TagName(tag);
  return name.starts_with("(") ? TagHex(tag) : name;
}

// --- Table ---

std::string Heading(Tag tag) {
  if (tag == tag::kNumberOfStudyRelatedSeries) {
    return "Series";
  }
  if (tag == tag::kNumberOfStudyRelatedInstances || tag == tag::kNumberOfSeriesRelatedInstances) {
    return "Instances";
  }
  if (tag == tag::kModalitiesInStudy) {
    return "Modalities";
  }
  return KeywordOrHex(tag);
}

std::string Cell(Tag tag, std::string_view value) {
  if (VrOf(tag) == "DA" && value.size() == 8 && ParseUint(value)) {
    return StrCat(value.substr(0, 4), "-", value.substr(4, 2), "-", value.substr(6));
  }
  std::string text = Printable(Trim(value));
  if (IsOneOf(VrOf(tag), {"CS", "UI", "IS", "DS", "SH", "LO", "PN"})) {
    std::replace(text.begin(), text.end(), '\\', ',');  // between several values
  }
  return text;
}

struct Column {
  Tag tag;
  std::vector<std::string> cells;  // the heading first
  size_t width = 0;
  bool right = false;
  bool may_shrink = false;
};

Column MakeColumn(Tag tag, const std::vector<Attributes>& rows) {
  Column column{tag, {Heading(tag)}, 0, IsNumericVr(VrOf(tag)), IsOneOf(VrOf(tag), {"PN", "LO", "LT", "ST", "UT"})};
  for (const Attributes& row : rows) {
    column.cells.push_back(Cell(tag, row.Get(tag)));
  }
  for (const std::string& cell : column.cells) {
    column.width = std::max(column.width, DisplayWidth(cell));
  }
  return column;
}

bool IsFilled(const Column& column) {
  return std::any_of(column.cells.begin() + 1, column.cells.end(), [](const auto& cell) { return !cell.empty(); });
}

// Narrows the widest texts until the line fits.
void Shrink(std::vector<Column>& columns, size_t width) {
  size_t total = 2 * (columns.size() - 1);
  for (const Column& column : columns) {
    total += column.width;
  }
  while (total > width) {
    Column* widest = nullptr;
    for (Column& column : columns) {
      if (column.may_shrink && column.width > kLeastTextWidth && (widest == nullptr || column.width > widest->width)) {
        widest = &column;
      }
    }
    if (widest == nullptr) {
      return;
    }
    --widest->width;
    --total;
  }
}

// --- CSV ---

bool IsNumber(std::string_view text) {
  double number = 0;
  text.remove_prefix(text.starts_with('+') ? 1 : 0);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return !text.empty() && error == std::errc() && end == text.data() + text.size();
}

std::string CsvField(std::string_view value) {
  std::string text = Printable(value);
  const std::string_view trimmed = Trim(text);
  const bool formula = !trimmed.empty() && std::string_view("=+-@").find(trimmed[0]) != std::string_view::npos;
  if (formula && !IsNumber(trimmed)) {
    text.insert(text.begin(), '\'');
  }
  if (text.find_first_of("\",") == std::string::npos && Trim(text) == text) {
    return text;
  }
  std::string quoted = "\"";
  for (const char c : text) {
    quoted.append(c == '"' ? 2 : 1, c);
  }
  return quoted + "\"";
}

// --- JSON ---

// `bytes` are one UTF-8 character.
void AppendEscaped(std::string& out, std::string_view bytes) {
  uint32_t character = static_cast<unsigned char>(bytes[0]);
  character &= bytes.size() == 1 ? 0x7Fu : 0x7Fu >> bytes.size();
  for (const char c : bytes.substr(1)) {
    character = character << 6 | (static_cast<unsigned char>(c) & 0x3Fu);
  }
  std::array<char, 16> text{};
  if (character > 0xFFFF) {
    character -= 0x10000;
    std::snprintf(text.data(), text.size(), "\\u%04x\\u%04x", 0xD800 + (character >> 10), 0xDC00 + (character & 0x3FF));
  } else {
    std::snprintf(text.data(), text.size(), "\\u%04x", character);
  }
  out.append(text.data());
}

// Whole characters of the text; what Printable() would replace is escaped instead.
std::string JsonString(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const size_t length = Utf8CharacterLength(text);
    const std::string_view bytes = text.substr(0, std::max<size_t>(length, 1));
    text.remove_prefix(bytes.size());
    if (bytes == "\"" || bytes == "\\") {
      out.append("\\").append(bytes);
    } else if (bytes == "\n") {
      out.append("\\n");
    } else if (length == 0) {
      out.append("\\ufffd");
    } else if (Printable(bytes) == bytes) {
      out.append(bytes);
    } else {
      AppendEscaped(out, bytes);
    }
  }
  return out + "\"";
}

std::string JsonScalar(std::string_view vr, std::string_view value) {
  const std::string_view text = Trim(value);
  if (text.empty()) {
    return "null";
  }
  if (IsIntegerVr(vr)) {
    int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc() && end == text.data() + text.size()) {
      return std::to_string(number);
    }
  } else if (IsNumericVr(vr) && IsNumber(text)) {
    double number = 0;
    std::from_chars(text.data() + (text[0] == '+' ? 1 : 0), text.data() + text.size(), number);
    std::array<char, 32> shortest{};
    const auto [end, error] = std::to_chars(shortest.data(), shortest.data() + shortest.size(), number);
    // JSON has neither "inf" nor "nan".
    if (error == std::errc() && number - number == 0) {
      return {shortest.data(), end};
    }
  }
  return JsonString(value);
}

std::string JsonValue(Tag tag, std::string_view value) {
  const std::string_view vr = VrOf(tag);
  if (IsOneOf(vr, {"LT", "ST", "UT", "UR"}) || value.find('\\') == std::string_view::npos) {
    return JsonScalar(vr, value);
  }
  std::vector<std::string> values;
  for (const std::string_view one : Split(value, '\\')) {
    values.push_back(JsonScalar(vr, one));
  }
  return StrCat("[", Join(values, ", "), "]");
}

}  // namespace

std::vector<Attributes> FlatRows(const Studies& studies, Level level) {
  std::vector<Attributes> rows;
  for (const Study& study : studies) {
    Attributes of_study = study.attributes;
    of_study.Set(tag::kStudyInstanceUID, study.uid.str());
    if (level == Level::kStudy) {
      rows.push_back(std::move(of_study));
      continue;
    }
    for (const Series& series : study.series) {
      Attributes of_series = series.attributes;
      of_series.MergeMissing(of_study);
      of_series.Set(tag::kSeriesInstanceUID, series.uid.str());
      if (level == Level::kSeries) {
        rows.push_back(std::move(of_series));
        continue;
      }
      for (const Instance& instance : series.instances) {
        Attributes of_instance = instance.attributes;
        of_instance.MergeMissing(of_series);
        of_instance.Set(tag::kSOPInstanceUID, instance.uid.str());
        rows.push_back(std::move(of_instance));
      }
    }
  }
  return rows;
}

std::vector<Tag> FindColumns(Level level, const std::vector<Tag>& include) {
  std::vector<Tag> columns = {tag::kStudyDate, tag::kPatientID, tag::kPatientName};
  std::vector<Tag> uids = {tag::kStudyInstanceUID};
  if (level == Level::kStudy) {
    columns.insert(columns.end(), {tag::kModalitiesInStudy, tag::kStudyDescription, tag::kAccessionNumber,
                                   tag::kNumberOfStudyRelatedSeries, tag::kNumberOfStudyRelatedInstances});
  } else {
    columns.insert(columns.end(), {tag::kModality, tag::kSeriesNumber, tag::kSeriesDescription});
    uids.push_back(tag::kSeriesInstanceUID);
  }
  if (level == Level::kSeries) {
    columns.push_back(tag::kNumberOfSeriesRelatedInstances);
  }
  if (level == Level::kInstance) {
    columns.insert(columns.end(), {tag::kInstanceNumber, tag::kRows, tag::kColumns, tag::kNumberOfFrames});
    uids.push_back(tag::kSOPInstanceUID);
  }
  const auto add = [&columns](const std::vector<Tag>& tags) {
    for (const Tag tag : tags) {
      if (std::find(columns.begin(), columns.end(), tag) == columns.end()) {
        columns.push_back(tag);
      }
    }
  };
  std::vector<Tag> others = include;
  std::erase_if(others, [&](Tag tag) { return std::find(uids.begin(), uids.end(), tag) != uids.end(); });
  add(others);
  add(uids);
  return columns;
}

std::string FormatTable(const std::vector<Attributes>& rows, const std::vector<Tag>& columns, size_t width) {
  std::vector<Column> shown;
  for (const Tag tag : columns) {
    shown.push_back(MakeColumn(tag, rows));
  }
  if (!rows.empty()) {
    std::erase_if(shown, [](const Column& column) { return !IsFilled(column); });
  }
  if (width > 0) {
    Shrink(shown, width);
  }
  std::string out;
  for (size_t i = 0; i <= rows.size(); ++i) {
    std::string line;
    for (const Column& column : shown) {
      const std::string cell = CutToWidth(column.cells[i], column.width);
      const std::string padding(column.width - DisplayWidth(cell), ' ');
      line += StrCat(line.empty() ? "" : "  ", column.right ? padding : "", cell, column.right ? "" : padding);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += (width > 0 ? CutToWidth(line, width) : line) + "\n";
  }
  return out;
}

std::string FormatCsv(const std::vector<Attributes>& rows, const std::vector<Tag>& columns) {
  std::vector<std::string> fields;
  for (const Tag tag : columns) {
    fields.push_back(KeywordOrHex(tag));
  }
  std::string out = Join(fields, ",") + "\r\n";
  for (const Attributes& row : rows) {
    fields.clear();
    for (const Tag tag : columns) {
      fields.push_back(CsvField(row.Get(tag)));
    }
    out += Join(fields, ",") + "\r\n";
  }
  return out;
}

std::string FormatJson(const std::vector<Attributes>& rows) {
  std::vector<std::string> objects;
  for (const Attributes& row : rows) {
    std::vector<std::string> members;
    row.ForEach([&](Tag tag, std::string_view value) {
      members.push_back(StrCat(JsonString(KeywordOrHex(tag)), ": ", JsonValue(tag, value)));
    });
    objects.push_back(StrCat("  {", Join(members, ", "), "}"));
  }
  return objects.empty() ? "[]\n" : StrCat("[\n", Join(objects, ",\n"), "\n]\n");
}

}  // namespace trolley
