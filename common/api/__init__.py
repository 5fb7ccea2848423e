"""What every HTTP address for machines and front ends shares: one error shape, bounded bodies, authentication.

`ApiView` is the base of a view, `ApiModel` of what it takes and answers; `ApiError` ends a request with an answer.
"""
