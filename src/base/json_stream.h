#ifndef TROLLEY_BASE_JSON_STREAM_H_
#define TROLLEY_BASE_JSON_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace trolley {

// Told of a JSON text (RFC 8259) as it is read. Texts are valid UTF-8, unescaped, and last until the call returns. What
// these throw leaves through the JsonStream, of which nothing more can be expected then.
class JsonEvents {
 public:
  virtual ~JsonEvents() = default;
  virtual void OnNull() = 0;
  virtual void OnBoolean(bool value) = 0;
  virtual void OnNumber(std::string_view literal) = 0;  // as it is spelled; finite
  virtual void OnString(std::string_view text) = 0;
  virtual void OnKey(std::string_view name) = 0;
  virtual void OnBeginObject() = 0;
  virtual void OnEndObject() = 0;
  virtual void OnBeginArray() = 0;
  virtual void OnEndArray() = 0;
};

// Reads one JSON text piece by piece, as it arrives; keeps nothing but the value that it is in and where that is
// nested. Throws kProtocol, with a message that quotes nothing ("it is malformed or cut off at byte 7"), for what is no
// JSON. (NULs behind the text are taken for padding.)
class JsonStream {
 public:
  explicit JsonStream(JsonEvents& events) : events_(events) {}
  void Read(std::string_view piece);
  // There is no more.
  void Finish();

 private:
  enum class Expect { kValue, kValueOrEnd, kKey, kKeyOrEnd, kColon, kCommaOrEnd, kNothing };
  enum class Inside { kNothing, kString, kEscape, kCodePoint, kWord };
  enum class Nesting : char { kObject, kArray };

  const char* ReadBetween(const char* at);
  const char* ReadString(const char* at, const char* end);
  const char* ReadWord(const char* at, const char* end);
  void ReadEscape(char c);
  void ReadHexDigit(char c);
  void AppendCodePoint(uint32_t code_point);
  void EndString(std::string_view text);
  void EndWord(std::string_view word);
  void BeginNested(Nesting nesting);
  void EndNested(Nesting nesting);
  void EndValue();
  [[noreturn]] void Fail(const char* at) const;

  JsonEvents& events_;
  std::vector<Nesting> nesting_;
  Expect expect_ = Expect::kValue;
  Inside inside_ = Inside::kNothing;
  std::string token_;            // what came in earlier pieces, or was unescaped, of the string or word
  bool plain_ = true;            // the string is ASCII so far
  bool is_key_ = false;          // the string is
  int hex_digits_ = 0;           // read of a \uXXXX
  uint32_t code_point_ = 0;      // of these
  uint32_t high_surrogate_ = 0;  // waits for its other half; 0: none
  uint64_t read_before_ = 0;     // bytes of earlier pieces
  const char* piece_ = nullptr;
};

}  // namespace trolley

#endif  // TROLLEY_BASE_JSON_STREAM_H_
