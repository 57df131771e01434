#include <inotify/detail/event_batch.hpp>

#include <algorithm>

namespace inotify::inline v0::detail {

// Goes on to the next chunk that has the room.
void TextArena::reserve(std::size_t size) {
  while (next_ < chunks_.size() && chunks_[next_].size < size) ++next_;
  if (next_ == chunks_.size()) {
    const std::size_t chunk = std::max(size, chunk_size);
    chunks_.push_back({std::make_unique_for_overwrite<char[]>(chunk), chunk});
  }
  const Chunk& chunk = chunks_[next_++];
  at_ = chunk.bytes.get();
  end_ = at_ + chunk.size;
}

void TextArena::swap(TextArena& other) noexcept {
  std::swap(chunks_, other.chunks_);
  std::swap(next_, other.next_);
  std::swap(at_, other.at_);
  std::swap(end_, other.end_);
}

// For an event, and for `size` bytes of text. Whatever is thrown, the key is not that of a text which
// is not there.
void EventBatch::make_room(std::size_t size) {
  key_ = {};
  if (!text_.has(size)) text_.reserve(size);
  if (end_ != room_end_) return;
  const std::size_t count = this->size();
  const std::size_t room = std::max<std::size_t>(2 * count, 64);
  auto events = std::make_unique<Event[]>(room);
  std::copy(events_.get(), end_, events.get());
  events_ = std::move(events);
  end_ = events_.get() + count;
  room_end_ = events_.get() + room;
}

void EventBatch::swap(EventBatch& other) noexcept {
  std::swap(events_, other.events_);
  std::swap(end_, other.end_);
  std::swap(room_end_, other.room_end_);
  text_.swap(other.text_);
  std::swap(next_, other.next_);
  std::swap(key_, other.key_);
}

}  // namespace inotify::inline v0::detail
