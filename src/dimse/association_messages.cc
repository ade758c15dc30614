// Association::Impl of association_impl.h: DIMSE messages over P-DATA-TF (PS3.8 §9.3.5), in constant memory. Runs on
// the thread that uses the association. A wait that was cancelled or timed out must leave the state so that the next
// call continues.
#include <algorithm>
#include <utility>

#include "base/text.h"
#include "dimse/association_impl.h"
#include "trolley/error.h"

namespace trolley {

using internal::PduType;

namespace {

constexpr size_t kMaxCommand = 64 * 1024;

std::span<const std::byte> AsBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace

void Association::Impl::Send(uint8_t context_id, CommandSet command, const std::string_view* data_set,
                             const Context& context) {
  command.SetNumber(dimse::kCommandDataSetType, data_set != nullptr ? 0x0001 : 0x0101);
  std::string bytes;
  internal::AppendData(bytes, context_id, true, command.Encode(), max_sent_);
  if (data_set != nullptr) {
    internal::AppendData(bytes, context_id, false, *data_set, max_sent_);
  }
  Write(bytes, context);
}

void Association::Impl::Write(std::string_view bytes, const Context& context) {
  CheckUsable();
  try {
    stream_.Write(bytes, context, kSending);
  } catch (...) {
    Abort(kServiceUser);
    throw;
  }
}

DimseMessage Association::Impl::ReceiveCommand(const Context& context) {
  ReceiveDataSet([](std::span<const std::byte>) {}, context);
  for (;;) {
    const Fragment fragment = NextFragment(context);
    if (!fragment.command || (!command_.empty() && fragment.context_id != data_context_)) {
      Fail("data where a command was due");
    }
    data_context_ = fragment.context_id;
    if (command_.size() + fragment.bytes.size() > kMaxCommand) {
      Fail("a command of unreasonable length");
    }
    command_ += fragment.bytes;
    Consume(fragment);
    if (fragment.last) {
      break;
    }
  }
  DimseMessage message{data_context_, {}};
  const std::string bytes = std::exchange(command_, {});
  try {
    message.command = CommandSet::Parse(bytes);
  } catch (const Error&) {
    Abort(kServiceProvider);
    throw;
  }
  data_due_ = message.command.has_data_set();
  return message;
}

void Association::Impl::ReceiveDataSet(const std::function<void(std::span<const std::byte>)>& take,
                                       const Context& context) {
  while (data_due_) {
    const Fragment fragment = NextFragment(context);
    if (fragment.command || fragment.context_id != data_context_) {
      Fail("something else where a data set was due");
    }
    data_due_ = !fragment.last;
    const std::string_view bytes = fragment.bytes;
    Consume(fragment);  // before `take`, which may throw; the bytes stay where they are until the next read
    if (!bytes.empty()) {
      take(AsBytes(bytes));
    }
  }
}

void Association::Impl::WaitForResponse(const Context& context) {
  if (begin_ == end_) {
    CheckUsable();
    stream_.WaitReadable(context, kReceiving);
  }
}

void Association::Impl::CheckAlive(const Context& context) {
  CheckUsable();
  if (pdu_left_ == 0) {
    NextPdu(context);
  }
}

Association::Impl::Fragment Association::Impl::NextFragment(const Context& context) {
  CheckUsable();
  while (pdv_left_ == 0 && !pdv_begun_) {
    if (pdu_left_ == 0) {
      NextPdu(context);
      continue;
    }
    if (pdu_left_ < internal::kPdvHeader) {
      Fail("a message that is cut off");
    }
    Need(internal::kPdvHeader, context);
    const size_t length = internal::ReadBigEndian32(Buffered());
    if (length < 2 || length > pdu_left_ - 4) {
      Fail("a message with a wrong length");
    }
    pdv_context_ = static_cast<uint8_t>(Buffered()[4]);
    pdv_control_ = static_cast<uint8_t>(Buffered()[5]);
    begin_ += internal::kPdvHeader;
    pdu_left_ -= internal::kPdvHeader;
    pdv_left_ = length - 2;
    pdv_begun_ = true;
  }
  if (pdv_left_ > 0) {
    Need(1, context);
  }
  const std::string_view bytes = Buffered().substr(0, pdv_left_);
  const bool last = (pdv_control_ & internal::kPdvLast) != 0 && bytes.size() == pdv_left_;
  return {pdv_context_, (pdv_control_ & internal::kPdvCommand) != 0, last, bytes};
}

void Association::Impl::Consume(const Fragment& fragment) {
  begin_ += fragment.bytes.size();
  pdv_left_ -= fragment.bytes.size();
  pdu_left_ -= fragment.bytes.size();
  pdv_begun_ = pdv_left_ > 0;
}

void Association::Impl::CheckUsable() const {
  if (broken_) {
    throw Error(ErrorCode::kUnavailable, StrCat(stream_.Cannot("talk to"), "the association has ended"));
  }
}

void Association::Impl::NoteFailure(const Error& error) {
  if (error.code() != ErrorCode::kCancelled && error.code() != ErrorCode::kTimedOut) {
    broken_ = true;
  }
}

void Association::Impl::Need(size_t count, const Context& context) {
  if (end_ - begin_ >= count) {
    return;
  }
  if (begin_ > 0) {
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
              buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
    end_ -= begin_;
    begin_ = 0;
  }
  while (end_ < count) {
    try {
      end_ += stream_.Read(std::span(buffer_).subspan(end_), context, kReceiving);
    } catch (const Error& error) {
      NoteFailure(error);
      throw;
    }
  }
}

Association::Impl::Header Association::Impl::ReadHeader(const Context& context) {
  Need(internal::kPduHeader, context);
  const Header header{static_cast<PduType>(Buffered()[0]), internal::ReadBigEndian32(Buffered().substr(2))};
  if (header.type != PduType::kData && header.length > internal::kMaxNegotiationPdu) {
    Fail("it does not speak DICOM");
  }
  begin_ += internal::kPduHeader;
  return header;
}

std::string Association::Impl::ReadBody(size_t length, const Context& context) {
  std::string body;
  while (body.size() < length) {
    Need(1, context);
    const std::string_view piece = Buffered().substr(0, length - body.size());
    body += piece;
    begin_ += piece.size();
  }
  return body;
}

void Association::Impl::Skip(size_t length, const Context& context) {
  while (length > 0) {
    Need(1, context);
    const size_t piece = std::min(length, Buffered().size());
    begin_ += piece;
    length -= piece;
  }
}

void Association::Impl::NextPdu(const Context& context) {
  const Header header = ReadHeader(context);
  if (header.type != PduType::kData) {
    EndedBy(header, context);
  }
  pdu_left_ = header.length;
}

}  // namespace trolley
