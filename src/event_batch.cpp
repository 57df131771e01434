#include <inotify/detail/event_batch.hpp>

#include <algorithm>
#include <bit>

namespace inotify::inline v0::detail {

// Goes on to a chunk that has the room. Large ones come in few sizes, so that one fits again though the
// texts become longer from round to round.
void TextArena::reserve(std::size_t size) {
  const auto begun = chunks_.begin() + static_cast<std::ptrdiff_t>(next_);
  auto chunk =
      std::find_if(begun, chunks_.end(), [&](const Chunk& one) { return one.size >= size; });
  if (chunk == chunks_.end()) {
    const std::size_t room = std::bit_ceil(std::max(size, chunk_size));
    chunks_.push_back({std::make_unique_for_overwrite<char[]>(room), room});
    has_large_ = has_large_ || room > chunk_size;
    chunk = chunks_.end() - 1;
  }
  std::swap(*chunk, chunks_[next_]);
  const Chunk& current = chunks_[next_++];
  size_ += current.size;
  at_ = current.bytes.get();
  end_ = at_ + current.size;
}

// Large chunks that this round has not needed are freed.
void TextArena::clear() noexcept {
  const auto is_large = [](const Chunk& one) { return one.size > chunk_size; };
  if (has_large_) {
    const auto begun = chunks_.begin() + static_cast<std::ptrdiff_t>(next_);
    chunks_.erase(std::remove_if(begun, chunks_.end(), is_large), chunks_.end());
    has_large_ = std::any_of(chunks_.begin(), chunks_.end(), is_large);
  }
  size_ = next_ = 0;
  at_ = end_ = nullptr;
}

void TextArena::swap(TextArena& other) noexcept {
  std::swap(chunks_, other.chunks_);
  std::swap(has_large_, other.has_large_);
  std::swap(size_, other.size_);
  std::swap(next_, other.next_);
  std::swap(at_, other.at_);
  std::swap(end_, other.end_);
}

// For an event, and for `size` bytes of text. Whatever is thrown, the key is not that of a text which
// is not there.
void EventBatch::make_room(std::size_t size) {
  key_ = {};
  if (!text_.has(size)) text_.reserve(size);
  if (end_ != room_end_) return set_full_end();
  const std::size_t count = this->size();
  const std::size_t room = std::max<std::size_t>(2 * count, 64);
  auto events = std::make_unique<Event[]>(room);
  std::copy(events_.get(), end_, events.get());
  events_ = std::move(events);
  end_ = events_.get() + count;
  room_end_ = events_.get() + room;
  set_full_end();
}

void EventBatch::swap(EventBatch& other) noexcept {
  std::swap(events_, other.events_);
  std::swap(end_, other.end_);
  std::swap(room_end_, other.room_end_);
  std::swap(full_end_, other.full_end_);
  text_.swap(other.text_);
  std::swap(next_, other.next_);
  std::swap(key_, other.key_);
}

}  // namespace inotify::inline v0::detail
