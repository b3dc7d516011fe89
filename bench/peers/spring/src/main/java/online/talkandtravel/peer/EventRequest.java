package online.talkandtravel.peer;

public record EventRequest(Long authorId, Long chatId) {
}
