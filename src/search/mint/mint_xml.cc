#include "search/mint/mint_xml.h"

#include <algorithm>
#include <pugixml.hpp>
#include <utility>

#include "base/text.h"
#include "dicom/charset.h"
#include "dicom/element_text.h"
#include "trolley/error.h"
#include "trolley/tag.h"

namespace trolley {
namespace {

constexpr std::ptrdiff_t kMaxMarks = 24'000'000;  // elements and attributes: pugixml takes about 64 bytes for each
constexpr size_t kMaxValue = size_t{64} << 10;

[[noreturn]] void Unreadable(std::string_view reason) {
  throw Error(ErrorCode::kProtocol, StrCat("Cannot read the response of the MINT server: ", reason));
}

// Without its prefix, in lower case.
std::string LocalName(const char* name) {
  const std::string_view text(name);
  return AsciiLower(text.substr(text.rfind(':') + 1));  // npos + 1 == 0
}

bool Is(const pugi::xml_node& node, std::string_view lower_name) {
  return node.type() == pugi::node_element && LocalName(node.name()) == lower_name;
}

// Without regard to case; "" when absent.
std::string_view XmlAttribute(const pugi::xml_node& node, std::string_view name) {
  for (const pugi::xml_attribute& attribute : node.attributes()) {
    if (EqualsIgnoreCase(attribute.name(), name)) {
      return attribute.value();
    }
  }
  return {};
}

// `xml` holds the document's texts as long as the document lives. The root element.
pugi::xml_node Load(pugi::xml_document& document, std::string& xml) {
  const auto marks = std::count_if(xml.begin(), xml.end(), [](char c) { return c == '<' || c == '='; });
  if (marks > kMaxMarks) {
    throw Error(ErrorCode::kTooMany, "Cannot read the response of the MINT server: it is too large; narrow the search");
  }
  // pugixml knows no entities but the five of XML, and does not look at what a DTD declares; its parser does not
  // recurse. An encoding that it does not know is taken for UTF-8.
  const auto result = document.load_buffer_inplace(xml.data(), xml.size(), pugi::parse_default | pugi::parse_doctype);
  const pugi::xml_node root = document.document_element();
  if (LocalName(root.name()) == "html") {
    Unreadable("it is a page for people; check the URL of the archive and the login");
  }
  if (!result) {
    Unreadable(StrCat("not XML at byte ", result.offset, ": ", result.description(), "; check the URL of the archive"));
  }
  for (const pugi::xml_node& node : document.children()) {
    if (node.type() == pugi::node_doctype) {
      Unreadable("it has a document type declaration");
    }
  }
  return root;
}

class Reader {
 public:
  Reader(Level deepest, KeepTag keep) : deepest_(deepest), keep_(std::move(keep)) {}

  // Attributes and children, whether in containers or not.
  MintNode Read(const pugi::xml_node& xml, Level level) const {
    MintNode node;
    Attributes common;  // of all instances of a series
    for (const pugi::xml_node& child : xml.children()) {
      const std::string name = LocalName(child.name());
      if (name == "attr") {
        Add(child, node.attributes);
      } else if (name == "attributes" || name == "normalizedinstanceattributes") {
        AddAll(child, name == "attributes" ? node.attributes : common);
      } else {
        AddChildren(child, name, level, node);
      }
    }
    AddUid(xml, level, node.attributes);
    for (MintNode& instance : node.children) {
      instance.attributes.MergeMissing(common);
    }
    return node;
  }

 private:
  static constexpr Level Below(Level level) { return level == Level::kStudy ? Level::kSeries : Level::kInstance; }

  void AddChildren(const pugi::xml_node& xml, const std::string& name, Level level, MintNode& node) const {
    if (level == deepest_ || level == Level::kInstance) {
      return;
    }
    const std::string_view child = level == Level::kStudy ? "series" : "instance";
    if (name == child) {
      AddChild(xml, level, node);
    } else if (name == (level == Level::kStudy ? "serieslist" : "instances")) {
      for (const pugi::xml_node& each : xml.children()) {
        if (Is(each, child)) {
          AddChild(each, level, node);
        }
      }
    }
  }

  void AddChild(const pugi::xml_node& xml, Level level, MintNode& node) const {
    if (XmlAttribute(xml, "exclude").empty()) {
      node.children.push_back(Read(xml, Below(level)));
    }
  }

  void AddAll(const pugi::xml_node& xml, Attributes& to) const {
    for (const pugi::xml_node& child : xml.children()) {
      if (Is(child, "attr")) {
        Add(child, to);
      }
    }
  }

  void Add(const pugi::xml_node& xml, Attributes& to) const {
    const std::optional<Tag> tag = ParseTagHex(XmlAttribute(xml, "tag"));
    if (!tag || (keep_ && !keep_(*tag)) || to.Has(*tag) || !XmlAttribute(xml, "exclude").empty()) {
      return;
    }
    const std::string_view vr = XmlAttribute(xml, "vr");
    const std::string_view value = XmlAttribute(xml, "val");
    const bool binary = value.empty() && !(XmlAttribute(xml, "bytes").empty() && XmlAttribute(xml, "bid").empty());
    if (!HasText(vr.size() == 2 ? vr : VrOf(*tag)) || value.size() > kMaxValue || binary) {
      return;
    }
    to.Set(*tag, Trim(IsValidUtf8(value) ? std::string(value) : DecodeText(value, "", *tag)));
  }

  void AddUid(const pugi::xml_node& xml, Level level, Attributes& to) const {
    const auto add = [&](Tag tag, const char* name) {
      const std::string_view value = Trim(XmlAttribute(xml, name));
      if (!to.Has(tag) && !value.empty() && value.size() <= kMaxValue && IsValidUtf8(value)) {
        to.Set(tag, value);
      }
    };
    switch (level) {
      case Level::kStudy:
        return add(tag::kStudyInstanceUID, "studyInstanceUID");
      case Level::kSeries:
        return add(tag::kSeriesInstanceUID, "seriesInstanceUID");
      case Level::kInstance:
        add(tag::kSOPInstanceUID, "sopInstanceUID");
        return add(tag::kTransferSyntaxUID, "transferSyntaxUID");
    }
  }

  const Level deepest_;
  const KeepTag keep_;
};

std::string First(std::string_view a, std::string_view b) {
  return std::string(a.empty() ? b : a);
}

}  // namespace

MintSearchResult ParseMintSearch(std::string xml, Level deepest) {
  pugi::xml_document document;
  const pugi::xml_node root = Load(document, xml);
  if (!Is(root, "studysearchresults")) {
    Unreadable("it holds no search results; check the URL of the archive");
  }
  MintSearchResult result;
  result.limit = ParseUint(XmlAttribute(root, "limit"));
  const Reader reader(deepest, {});
  for (const pugi::xml_node& study : root.children()) {
    if (Is(study, "study")) {
      std::string version = StrCat(XmlAttribute(study, "version"), " ", XmlAttribute(study, "lastModified"));
      result.studies.push_back({First(XmlAttribute(study, "studyUUID"), XmlAttribute(study, "uuid")),
                                std::move(version), reader.Read(study, Level::kStudy)});
    }
  }
  return result;
}

MintNode ParseMintMetadata(std::string xml, Level deepest, const KeepTag& keep) {
  pugi::xml_document document;
  const pugi::xml_node root = Load(document, xml);
  const std::string name = LocalName(root.name());
  if (name != "study" && name != "studymeta" && name != "studysummary") {
    Unreadable("it holds no study's metadata; check the type of the studies");
  }
  return Reader(deepest, keep).Read(root, Level::kStudy);
}

}  // namespace trolley
