#include "dimse/association.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "dimse/association_impl.h"
#include "trolley/error.h"

namespace trolley {

Association::Association(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

std::unique_ptr<Association> Association::Accept(UniqueFd connection, const AssociationAcceptor& acceptor,
                                                 const Context& context) {
  return std::unique_ptr<Association>(
      new Association(std::make_unique<Impl>(std::move(connection), acceptor, context)));
}

Association::~Association() {
  Abort();
}

std::unique_ptr<Association> Association::Open(const DicomPeer& peer, const AssociationRequest& request,
                                               const Context& context) {
  return std::unique_ptr<Association>(new Association(std::make_unique<Impl>(peer, request, context)));
}

const AssociationRequest& Association::request() const {
  return impl_->request();
}

const std::string& Association::calling_aet() const {
  return impl_->calling_aet();
}

const std::vector<AcceptedContext>& Association::contexts() const {
  return impl_->negotiated().contexts;
}

const AcceptedContext& Association::ContextFor(std::string_view abstract_syntax) const {
  const auto found = std::find_if(contexts().begin(), contexts().end(), [&](const AcceptedContext& accepted) {
    return accepted.abstract_syntax == abstract_syntax;
  });
  if (found == contexts().end()) {
    throw Error(ErrorCode::kUnsupported,
                StrCat("Cannot use the service ", abstract_syntax, ": the peer does not offer it to us"));
  }
  return *found;
}

const AcceptedContext* Association::FindContext(uint8_t id) const {
  const auto found = std::find_if(contexts().begin(), contexts().end(),
                                  [&](const AcceptedContext& accepted) { return accepted.id == id; });
  return found == contexts().end() ? nullptr : &*found;
}

std::string Association::Extended(std::string_view sop_class) const {
  const auto& extended = impl_->negotiated().extended;
  const auto found = extended.find(std::string(sop_class));
  return found == extended.end() ? std::string() : found->second;
}

uint16_t Association::NextMessageId() {
  return impl_->NextMessageId();
}

void Association::Send(uint8_t context_id, const CommandSet& command, const Context& context) {
  impl_->Send(context_id, command, nullptr, context);
}

void Association::Send(uint8_t context_id, const CommandSet& command, std::string_view data_set,
                       const Context& context) {
  impl_->Send(context_id, command, &data_set, context);
}

DimseMessage Association::ReceiveCommand(const Context& context) {
  return impl_->ReceiveCommand(context);
}

void Association::ReceiveDataSet(const std::function<void(std::span<const std::byte>)>& take, const Context& context) {
  impl_->ReceiveDataSet(take, context);
}

std::string Association::ReceiveDataSet(size_t max_bytes, const Context& context) {
  std::string all;
  impl_->ReceiveDataSet(
      [&](std::span<const std::byte> piece) {
        if (all.size() + piece.size() > max_bytes) {
          throw Error(ErrorCode::kProtocol, "Cannot read the peer's response: it is unreasonably long");
        }
        all.append(reinterpret_cast<const char*>(piece.data()), piece.size());
      },
      context);
  return all;
}

void Association::WaitForResponse(const Context& context) {
  impl_->WaitForResponse(context);
}

void Association::CheckAlive(const Context& context) {
  impl_->CheckAlive(context);
}

bool Association::Readable() {
  return impl_->Readable();
}

void Association::SendCancel(uint8_t context_id, uint16_t message_id, const Context& context) {
  CommandSet cancel(dimse::kCCancelRq);
  cancel.SetNumber(dimse::kMessageIdBeingRespondedTo, message_id);
  impl_->Send(context_id, cancel, nullptr, context);
}

Clock::duration Association::RoundTrip() const {
  return impl_->RoundTrip();
}

bool Association::broken() const {
  return impl_->broken();
}

void Association::Release() noexcept {
  impl_->Release();
}

void Association::Abort() noexcept {
  impl_->Abort(Impl::kServiceUser);
}

}  // namespace trolley
