#ifndef TROLLEY_SEARCH_MINT_MINT_XML_H_
#define TROLLEY_SEARCH_MINT_MINT_XML_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "trolley/attributes.h"
#include "trolley/query.h"

namespace trolley {

// A study, series or instance as a MINT server tells it, with its own UID among the attributes.
struct MintNode {
  Attributes attributes;
  std::vector<MintNode> children;
};

struct MintStudy {
  std::string uuid;     // the server's own name for it
  std::string version;  // changes when the study does
  MintNode node;
};

struct MintSearchResult {
  std::vector<MintStudy> studies;
  std::optional<uint64_t> limit;  // what the server says it applied
};

// Which attributes to keep; null: all.
using KeepTag = std::function<bool(Tag)>;

inline constexpr size_t kMaxMintBody = size_t{256} << 20;  // bytes of one response

// Reads <studySearchResults> down to `deepest`. Element names are taken without their prefix and in any
// capitalisation; an <attr> without val is empty; sequences, binary values and texts of more than 64 KiB are left out.
// What the declaration says of the encoding is believed only when it is known. Throws kProtocol, "Cannot read ...",
// for anything that is not such a document: another root (an HTML page), a document type declaration, not well-formed,
// cut off; kTooMany for one that would take too much memory.
MintSearchResult ParseMintSearch(std::string xml, Level deepest);

// Reads <Study>, the metadata or the summary of one study, likewise. What is hoisted to a series is given to each of
// its instances.
MintNode ParseMintMetadata(std::string xml, Level deepest, const KeepTag& keep);

}  // namespace trolley

#endif  // TROLLEY_SEARCH_MINT_MINT_XML_H_
